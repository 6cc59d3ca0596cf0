"""Write a Parquet file of invented people: 12 columns, five of them sensitive.

The same rows at every run, and the same first rows at every size: each row group has a random
generator of its own.
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

GROUP = 131_072
STARTS, VOWELS = "b d f g h k l m n p r s t v w br kl st".split(), "a e i o u ai ei ou é ü".split()
SYLLABLES = [start + vowel for start in STARTS for vowel in VOWELS]
ENDS = ["", "", "n", "r", "s", "l", "t", "rd", "nk"]

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        ("full_name", pa.string()),
        ("email", pa.string()),
        ("phone", pa.string()),
        ("national_id", pa.string()),
        ("birth_date", pa.date32()),
        ("address", pa.string()),
        ("city", pa.string()),
        ("balance", pa.decimal128(12, 2)),
        ("signed_up", pa.timestamp("us")),
        ("notes", pa.string()),
        ("score", pa.float64()),
    ],
    metadata={"dataset": "people"},
)


class Words:
    """So many different words of a few syllables, drawn the more often the earlier they come."""

    def __init__(self, seed, count, fewest, most):
        random = np.random.default_rng(seed)
        words = {}
        while len(words) < count:
            parts = random.choice(SYLLABLES, random.integers(fewest, most + 1))
            words["".join(parts) + random.choice(ENDS)] = None
        self.words = pa.array(words)
        self.shares = np.cumsum(1 / np.arange(2, count + 2) ** 0.7)

    def draw(self, random, count):
        return np.searchsorted(self.shares, random.random(count) * self.shares[-1])

    def take(self, drawn):
        return self.words.take(pa.array(drawn))


FIRST, LAST, STREETS = Words(1, 900, 1, 3), Words(2, 4_000, 2, 4), Words(3, 3_000, 2, 4)
CITIES, HOSTS, NOTES = Words(4, 200, 2, 3), Words(5, 25, 1, 2), Words(6, 2_500, 1, 3)


def join(*parts):
    return pc.binary_join_element_wise(*parts, "")


def plain(words):
    """As words are in an e-mail address."""
    return pc.replace_substring(pc.replace_substring(words, "é", "e"), "ü", "u")


def digits(random, count, width):
    numbers = pa.array(random.integers(0, 10**width, count)).cast(pa.string())
    return pc.utf8_lpad(numbers, width, "0")


def below(random, count, end):
    return pa.array(random.integers(1, end, count)).cast(pa.string())


def letters(random, count):
    pairs = random.integers(65, 91, (count, 2), dtype=np.uint8)
    return pa.array(pairs.view("S2").ravel()).cast(pa.string())


def some(random, values, share):
    """The values without this share of them."""
    return pc.if_else(pa.array(random.random(len(values)) < share), None, values)


def sentences(random, count):
    lengths = np.clip(random.gamma(2, 9, count).astype(np.int32), 3, 90)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    words = NOTES.take(NOTES.draw(random, ends[-1]))
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), words), " ")


def group(number):
    random, count = np.random.default_rng([7, number]), GROUP
    drawn = [words.draw(random, count) for words in (FIRST, LAST)]
    first, last = FIRST.take(drawn[0]), LAST.take(drawn[1])
    host = HOSTS.take(HOSTS.draw(random, count))
    name = join(pc.utf8_capitalize(first), " ", pc.utf8_capitalize(last))
    email = join(plain(first), ".", plain(last), below(random, count, 1_000), "@", plain(host), ".example")
    phone = join("+", below(random, count, 99), " ", digits(random, count, 3), " ", digits(random, count, 7))
    national = join(letters(random, count), digits(random, count, 8), letters(random, count))
    street = pc.utf8_capitalize(STREETS.take(STREETS.draw(random, count)))
    address = join(below(random, count, 400), " ", street, " Street, ", digits(random, count, 5))
    born = random.integers(-14_000, 13_500, count, dtype=np.int32)
    cents = pa.array(random.normal(250_000, 400_000, count).astype(np.int64))
    cent = pa.scalar("0.01").cast(pa.decimal128(3, 2))
    balance = pc.multiply(cents.cast(pa.decimal128(19, 0)), cent).cast(pa.decimal128(12, 2))
    signed_up = pa.array(random.integers(1_420_070_400_000_000, 1_720_070_400_000_000, count))
    columns = [
        pa.array(np.arange(count) + number * GROUP + 1),
        some(random, name, 0.005),
        some(random, email, 0.03),
        some(random, phone, 0.08),
        some(random, national, 0.01),
        some(random, pa.array(born).cast(pa.date32()), 0.01),
        some(random, address, 0.02),
        CITIES.take(CITIES.draw(random, count)),
        some(random, balance, 0.005),
        signed_up.cast(pa.timestamp("us")),
        some(random, sentences(random, count), 0.2),
        some(random, pa.array(random.beta(2, 5, count).round(4)), 0.05),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def main():
    path, rows = sys.argv[1], int(sys.argv[2])
    with pq.ParquetWriter(path, SCHEMA, compression="snappy") as writer:
        for number in range(-(-rows // GROUP)):
            writer.write_table(group(number).slice(0, rows - number * GROUP), row_group_size=GROUP)


main()
