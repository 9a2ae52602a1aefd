"""Which rows there are: those of ../rows.h and ../runs.ts."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Shape:
    sequences: int
    tokens: int
    width: int
    heads: int
    depth: int
    rank: int = 0

    @property
    def rows(self):
        return self.sequences * self.tokens


@dataclass(frozen=True)
class Sizes:
    """`images` are with guidance: two sequences each."""

    images: tuple
    tokens: tuple
    ranks: tuple
    width: int
    heads: int
    depth: int
    steps: int
    # Of the runs, which take one.
    run_rank: int

    def only(self, options):
        """Those sizes that are wanted; None: all."""
        def chosen(sizes, wanted):
            return sizes if wanted is None else tuple(size for size in sizes if size == wanted)

        return replace(
            self,
            images=chosen(self.images, options.images),
            tokens=chosen(self.tokens, options.tokens),
            ranks=chosen(self.ranks, options.rank),
        )

    def shapes(self):
        for tokens in self.tokens:
            for images in self.images:
                yield Shape(2 * images, tokens, self.width, self.heads, self.depth)


DIT_XL = Sizes((2, 16, 64), (256, 1024), (64, 128, 192, 256), 1152, 16, 28, 50, 128)
# To see on a CPU that the program works.
SMALL = Sizes((1,), (16,), (24,), 144, 2, 2, 5, 24)
