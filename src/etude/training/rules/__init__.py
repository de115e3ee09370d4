"""Update rules, one family a file. They use tensors but do not import torch, so a stored spec can be read without it."""

from etude.training.rules.adadelta import Adadelta
from etude.training.rules.adafactor import Adafactor
from etude.training.rules.adagrad import Adagrad
from etude.training.rules.adam import Adam, AdamW, AMSGrad
from etude.training.rules.adamax import Adamax
from etude.training.rules.dog import DoG
from etude.training.rules.layerwise import LAMB, LARS
from etude.training.rules.lion import Lion
from etude.training.rules.muon import Muon
from etude.training.rules.nadam import NAdam
from etude.training.rules.prodigy import DAdaptAdam, Prodigy
from etude.training.rules.radam import RAdam
from etude.training.rules.rmsprop import RMSprop
from etude.training.rules.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from etude.training.rules.sgd import SGD

__all__ = [
    "LAMB",
    "LARS",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "DAdaptAdam",
    "DoG",
    "Lion",
    "Muon",
    "NAdam",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
]
