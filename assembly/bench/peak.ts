/**
 * The rate that the benchmarks are measured against: a loop of nothing but multiply-adds on eight
 * independent accumulators, which is what the chip and the engine can do when no operand has to be loaded.
 * The factors change places each round, or the compiler would take the products out of the loop.
 */
import { multiplyAdd } from '../arithmetic';

/** 8 vectors of 4 lanes, a multiplication and an addition each: 64 floating-point operations a round. */
export function peak(rounds: i32, factors: usize): f32 {
  const b0 = v128.load(factors, 0),
    b1 = v128.load(factors, 16);
  const b2 = v128.load(factors, 32),
    b3 = v128.load(factors, 48);
  let a0 = v128.load(factors, 64),
    a1 = v128.load(factors, 80);
  let c0 = b0,
    c1 = b0,
    c2 = b0,
    c3 = b0,
    c4 = b0,
    c5 = b0,
    c6 = b0,
    c7 = b0;
  for (; rounds > 0; rounds--) {
    c0 = multiplyAdd(a0, b0, c0);
    c1 = multiplyAdd(a0, b1, c1);
    c2 = multiplyAdd(a0, b2, c2);
    c3 = multiplyAdd(a0, b3, c3);
    c4 = multiplyAdd(a1, b0, c4);
    c5 = multiplyAdd(a1, b1, c5);
    c6 = multiplyAdd(a1, b2, c6);
    c7 = multiplyAdd(a1, b3, c7);
    const other = a0;
    a0 = a1;
    a1 = other;
  }
  const low = f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3));
  const high = f32x4.add(f32x4.add(c4, c5), f32x4.add(c6, c7));
  return f32x4.extract_lane(f32x4.add(low, high), 0);
}
