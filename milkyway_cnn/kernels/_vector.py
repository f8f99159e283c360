"""Vectors of numbers in LLVM instructions, for loops whose values must stay in registers."""

from __future__ import annotations

from llvmlite import ir
from numba import types

__all__ = ["FLOAT", "FUSED", "INDEX", "LANES", "VECTOR", "Code"]

#: Numbers of a vector.
LANES = 16
FLOAT, INDEX = ir.FloatType(), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, LANES)
FUSED = ("contract",)


class Code:
    """The builder of an intrinsic's instructions, with its arguments: of arrays, pointers to their first number."""

    def __init__(self, context, builder, signature, arguments):
        self.builder = builder
        self.arguments = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]

    def sum(self, *terms):
        """Add indices."""
        total = terms[0]
        for term in terms[1:]:
            total = self.builder.add(total, term)
        return total

    def number(self, pointer, *terms):
        """Load the number of an array at the sum of indices."""
        return self.builder.load(self.builder.gep(pointer, [self.sum(*terms)]))

    def place(self, pointer, *terms):
        """Point at the vector that begins at the sum of indices."""
        return self.builder.bitcast(self.builder.gep(pointer, [self.sum(*terms)]), VECTOR.as_pointer())

    def vector(self, pointer, *terms):
        """Load the vector that begins at the sum of indices; NumPy's arrays need not begin at a multiple of it."""
        return self.builder.load(self.place(pointer, *terms), align=4)

    def spread(self, number, vector=VECTOR):
        """Fill a vector with one number."""
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.IntType(32)(0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), None))

    def multiply_add(self, a, b, total):
        """Give ``a * b + total``, rounded once where the processor can."""
        return self.builder.fadd(self.builder.fmul(a, b, flags=FUSED), total, flags=FUSED)

    def loop(self, count, values, change):
        """Apply ``values = change(i, values)`` for i below `count`, but at least once, in registers."""
        builder = self.builder
        before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.branch(inside)
        builder.position_at_end(inside)
        kept = [builder.phi(value.type) for value in (INDEX(0), *values)]
        i = kept[0]
        changed = [builder.add(i, INDEX(1)), *change(i, kept[1:])]
        for place, first, later in zip(kept, (INDEX(0), *values), changed, strict=True):
            place.add_incoming(first, before)
            place.add_incoming(later, inside)
        builder.cbranch(builder.icmp_signed("<", changed[0], count), inside, after)
        builder.position_at_end(after)
        return changed[1:]

    def outer_products(self, count, factors, rows, columns):
        """Sum `count` products of rows by columns vectors; `factors(i)` gives both sides of number i."""

        def add(i, sums):
            left, right = factors(i)
            pairs = [(a, b) for a in left for b in right]
            return [self.multiply_add(a, b, total) for (a, b), total in zip(pairs, sums, strict=True)]

        sums = self.loop(count, [ir.Constant(VECTOR, None)] * (rows * columns), add)
        return [sums[row * columns : (row + 1) * columns] for row in range(rows)]
