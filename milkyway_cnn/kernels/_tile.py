"""Sums, maxima and transposes that stay in registers: the innermost loops of convolution and matrix product, in LLVM.

A compiler that is given plain loops stores and loads each sum for every few terms and reaches a fifth of what the
processor can do; these reach nearly all of it, and need no shape to be a multiple of anything.

All work on `LANES` images at a time, whose numbers lie beside each other: one number of an image is, in memory, a
vector of as many, and every other index is an offset to such a vector. So all offsets are free, loads are whole
vectors, and stride, padding, dimensions and edges of images cost nothing here.

How many sums are kept at a time depends on the registers of the processor that compiles: 16 vectors of 16 numbers
where it has AVX-512, else 4.
"""

from __future__ import annotations

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from milkyway_cnn.kernels._twin import intrinsic
from milkyway_cnn.kernels._vector import FLOAT, FUSED, INDEX, LANES, VECTOR, Code

__all__ = ["FILTERS", "PRODUCT", "WIDE", "add_outer_products", "largest", "product", "sum_taps", "turn"]

#: Filters of one tile.
FILTERS = 4


def _has_avx_512() -> bool:
    """Whether this processor has 32 vector registers of 16 numbers."""
    try:
        return bool(binding.get_host_cpu_features().get("avx512f"))
    except RuntimeError:  # where LLVM does not know how to ask
        return False


#: Positions of one tile of `sum_taps`, taps of one tile of `add_outer_products`.
WIDE = 4 if _has_avx_512() else 1
#: Rows and columns of one tile of `product`; it is meant for processors with 32 vector registers.
PRODUCT = (8, 2 * LANES)


@intrinsic
def sum_taps(typing_context, x, x_0, taps, count, weights, w_0, places, p_0, out, pitch, out_0):
    """``out[f, p] = sum over t < count of weights[t, f] * x[taps[t] + places[p_0 + p]]``, one tile.

    Parameters
    ----------
    x, weights, out : float32 arrays, C-contiguous
        Read from number `x_0`, `w_0`, `out_0` on; weights are (count, FILTERS), rows of `out` are `pitch` numbers.
    taps, places : int64 arrays
        Numbers from `x_0` on at which the vector of an image's number begins.
    """
    signature = types.void(
        x, types.intp, taps, types.intp, weights, types.intp, places, types.intp, out, *[types.intp] * 2
    )

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature, arguments)
        x, x_0, taps, count, weights, w_0, places, p_0, out, pitch, out_0 = code.arguments
        begins = [code.sum(x_0, code.number(places, p_0, INDEX(p))) for p in range(WIDE)]

        def factors(t):
            tap, row = code.number(taps, t), builder.add(w_0, builder.mul(t, INDEX(FILTERS)))
            left = [code.spread(code.number(weights, row, INDEX(f))) for f in range(FILTERS)]
            return left, [code.vector(x, begin, tap) for begin in begins]

        for f, sums in enumerate(code.outer_products(count, factors, FILTERS, WIDE)):
            row = builder.add(out_0, builder.mul(pitch, INDEX(f)))
            for p, total in enumerate(sums):
                builder.store(total, code.place(out, row, INDEX(p * LANES)), align=4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def add_outer_products(
    typing_context, d, d_0, pitch, d_places, x, x_0, taps, t_0, places, p_0, count, out, out_pitch, out_0
):
    """``out[f, t] += sum over p < count and lanes of d[f, d_places[p_0 + p]] * x[taps[t_0 + t] + places[p_0 + p]]``.

    Parameters
    ----------
    d, x, out : float32 arrays, C-contiguous
        Read from number `d_0`, `x_0`, `out_0` on; rows of `d` are `pitch` numbers, those of `out` `out_pitch`.
    d_places, taps, places : int64 arrays
        Numbers at which the vector of an image's number begins.
    """
    index = types.intp
    signature = types.void(d, index, index, d_places, x, index, taps, index, places, index, index, out, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature, arguments)
        d, d_0, pitch, d_places, x, x_0, taps, t_0, places, p_0, count, out, out_pitch, out_0 = code.arguments
        rows = [code.sum(d_0, builder.mul(pitch, INDEX(f))) for f in range(FILTERS)]
        offsets = [code.sum(x_0, code.number(taps, t_0, INDEX(t))) for t in range(WIDE)]

        def factors(p):
            there, here = code.number(d_places, p_0, p), code.number(places, p_0, p)
            return [code.vector(d, row, there) for row in rows], [code.vector(x, tap, here) for tap in offsets]

        kind = ir.FunctionType(FLOAT, [FLOAT, VECTOR])
        across = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32")
        for f, sums in enumerate(code.outer_products(count, factors, FILTERS, WIDE)):
            for t, total in enumerate(sums):
                place = builder.gep(out, [code.sum(out_0, builder.mul(out_pitch, INDEX(f)), INDEX(t))])
                whole = builder.call(across, [FLOAT(0.0), total], fastmath=("reassoc",))
                builder.store(builder.fadd(builder.load(place), whole), place)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def largest(typing_context, x, x_0, places, p_0, window, count, best, number, out_0):
    """Take the largest of ``x[x_0 + window[k] + places[p_0]]`` over k < count for each image, the first of equals.

    A NaN is larger than any number, so that none is lost.

    Parameters
    ----------
    x, best : float32 arrays, C-contiguous
    places, window : int64 arrays
        Numbers at which the vectors begin.
    number : uint8 array, C-contiguous
        Takes the k of the largest, from `out_0` on, as `best` the largest itself.
    """
    index = types.intp
    signature = types.void(x, index, places, index, window, index, best, number, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature, arguments)
        x, x_0, places, p_0, window, count, best, number, out_0 = code.arguments
        numbers = ir.VectorType(ir.IntType(8), LANES)
        corner = code.sum(x_0, code.number(places, p_0))
        first = code.vector(x, corner, code.number(window, INDEX(0)))

        def compare(k, kept):
            value = code.vector(x, corner, code.number(window, k))
            larger = builder.fcmp_ordered(">", value, kept[0])
            larger = builder.or_(larger, builder.fcmp_unordered("uno", value, value))
            own = code.spread(builder.trunc(k, ir.IntType(8)), numbers)
            return builder.select(larger, value, kept[0]), builder.select(larger, own, kept[1])

        values = code.loop(count, [first, ir.Constant(numbers, None)], compare)
        builder.store(values[0], code.place(best, out_0), align=4)
        place = builder.bitcast(builder.gep(number, [out_0]), numbers.as_pointer())
        builder.store(values[1], place, align=1)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def product(typing_context, a, a_0, row, step, b, b_0, count, scale, keep, out, out_0, pitch):
    """``out[i, j] = scale * sum over t < count of a[i, t] * b[t, j] + keep * out[i, j]``, one tile.

    Parameters
    ----------
    a, b, out : float32 arrays, contiguous
        Read from number `a_0`, `b_0`, `out_0` on. Number (i, t) of `a` is `i` times `row` and `t` times `step` further;
        rows of `b` follow each other, those of `out` are `pitch` numbers apart.
    keep : float32
        At zero, `out` is not read.
    """
    index, number = types.intp, types.float32
    signature = types.void(a, index, index, index, b, index, index, number, number, out, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature, arguments)
        a, a_0, row, step, b, b_0, count, scale, keep, out, out_0, pitch = code.arguments
        rows, columns = PRODUCT
        begins = [code.sum(a_0, builder.mul(row, INDEX(i))) for i in range(rows)]

        def factors(t):
            along, below = builder.mul(t, step), code.sum(b_0, builder.mul(t, INDEX(columns)))
            left = [code.spread(code.number(a, begin, along)) for begin in begins]
            return left, [code.vector(b, below, INDEX(j)) for j in range(0, columns, LANES)]

        sums = code.outer_products(count, factors, rows, columns // LANES)
        kept = builder.fcmp_unordered("!=", keep, FLOAT(0.0))
        factor, share = code.spread(scale), code.spread(keep)
        with builder.if_else(kept) as (adding, setting):
            for block, added in ((adding, True), (setting, False)):
                with block:
                    for i, parts in enumerate(sums):
                        for j, part in enumerate(parts):
                            where = (code.sum(out_0, builder.mul(pitch, INDEX(i))), INDEX(j * LANES))
                            before = code.vector(out, *where) if added else None
                            value = builder.fmul(factor, part, flags=FUSED)
                            value = code.multiply_add(share, before, value) if added else value
                            builder.store(value, code.place(out, *where), align=4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def turn(typing_context, x, x_0, pitch, out, out_0, places, p_0):
    """Write the transpose of LANES x LANES numbers: ``out[out_0 + places[p_0 + i] + j] = x[x_0 + j * pitch + i]``.

    Parameters
    ----------
    x, out : arrays of one type of number, C-contiguous
    places : int64 array
    """
    index = types.intp
    signature = types.void(x, index, index, out, index, places, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature, arguments)
        x, x_0, pitch, out, out_0, places, p_0 = code.arguments
        kind = ir.VectorType(context.get_value_type(signature.args[0].dtype), LANES)

        def at(pointer, *terms):
            return builder.bitcast(builder.gep(pointer, [code.sum(*terms)]), kind.as_pointer())

        rows = [builder.load(at(x, x_0, builder.mul(pitch, INDEX(j))), align=1) for j in range(LANES)]
        step = LANES // 2
        while step:
            lower = [lane if not lane & step else LANES + lane - step for lane in range(LANES)]
            upper = [lane + step if not lane & step else LANES + lane for lane in range(LANES)]
            masks = [ir.Constant(ir.VectorType(ir.IntType(32), LANES), mask) for mask in (lower, upper)]
            for i in range(LANES):
                if not i & step:
                    pair = rows[i], rows[i + step]
                    rows[i], rows[i + step] = (builder.shuffle_vector(*pair, mask) for mask in masks)
            step //= 2
        for i, row in enumerate(rows):
            builder.store(row, at(out, out_0, code.number(places, p_0, INDEX(i))), align=1)
        return context.get_dummy_value()

    return signature, generate
