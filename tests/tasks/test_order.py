import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.tasks.order import epoch_order, permutation

WORD = 2**64 - 1


def philox_words(key: tuple[int, int], count: int) -> list[int]:
    """Philox4x64-10 written out from Salmon et al. (2011), counters 1, 2, …"""
    words: list[int] = []
    block = 0
    while len(words) < count:
        block += 1
        c, (k0, k1) = [block, 0, 0, 0], key
        for _ in range(10):
            high0, low0 = divmod(0xD2E7470EE14C6C93 * c[0], 2**64)
            high1, low1 = divmod(0xCA5A826395121157 * c[2], 2**64)
            c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
            k0, k1 = (k0 + 0x9E3779B97F4A7C15) & WORD, (k1 + 0xBB67AE8584CAA73B) & WORD
        words += c
    return words[:count]


@given(size=st.integers(1, 60), seed=st.integers(0, WORD), index=st.integers(0, WORD))
@settings(max_examples=60, deadline=None)
def test_a_permutation_sorts_the_words_of_philox(size, seed, index):
    words = philox_words((seed, index), size)
    assert permutation(size, seed, index).tolist() == sorted(range(size), key=words.__getitem__)


@given(size=st.integers(0, 500), seed=st.integers(0, WORD), index=st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_a_permutation_holds_every_number_once(size, seed, index):
    assert sorted(permutation(size, seed, index).tolist()) == list(range(size))


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = {tuple(permutation(50, seed, epoch).tolist()) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400


def test_every_example_reaches_every_place_equally_often():
    counts = np.zeros((5, 5))
    for seed in range(4000):
        counts[np.arange(5), permutation(5, seed, 0).numpy()] += 1
    chi_squared = ((counts - 800) ** 2 / 800).sum()
    assert chi_squared < 40  # 16 degrees of freedom: 99.9 % lie below 39.3


def test_the_kept_order_of_an_epoch_is_the_permutation():
    cpu = torch.device("cpu")
    assert torch.equal(epoch_order(40, 3, 7, cpu), permutation(40, 3, 7))
    assert torch.equal(epoch_order(40, 3, 7, cpu), permutation(40, 3, 7))
