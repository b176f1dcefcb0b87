//! Sketches of the number of distinct values, to the byte as Spark keeps them in its buffers.

/// An `HLL_8` sketch of Apache `DataSketches`, as its Java library and so Spark's `hll_sketch_agg` makes it of the same values in the same
/// order: up to 8 values as a list of coupons, then as a hash set, then as a register a byte.
///
/// A coupon is 26 bits of where a value falls and 6 bits of how rare its hash is. Layout and estimator:
/// <https://datasketches.apache.org/docs/HLL/HllSketches.html>, serial version 1.
#[derive(Debug)]
pub(super) enum HllSketch {
    List { coupons: [u32; LIST], count: u8 },
    Set { slots: Box<[u32]>, count: u32 },
    Registers(Box<Registers>),
}

/// A register for each of 2^`lg_k` slots, and the sums of the HIP estimator (Ting, "Streamed approximate counting of distinct elements", 2014).
#[derive(Debug)]
pub(super) struct Registers {
    values: Box<[u8]>,
    zeros: u32,
    hip: f64,
    /// Sums of 2^-value of the registers below 32, and of the others.
    kxq: [f64; 2],
}

/// Coupons of a list.
const LIST: usize = 8;
/// The binary logarithm of a new set's slots.
const LEAST_LG_SET: u32 = 5;
const SLOT_BITS: u32 = 26;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
/// The seed of the library's hashes.
const SEED: u64 = 9001;

/// What the library estimates (by its coupon mapping) when registers take the place of coupons, from `lg_k` 7 on; below it is as with 7.
/// By then there are 8, or just over three quarters of 2^(`lg_k` - 3) coupons.
const AT_PROMOTION: [f64; 15] = [
    8.000_000_139_077_509,
    25.000_001_490_116_226,
    49.000_005_841_256_005,
    97.000_023_126_608_57,
    193.000_092_029_622_1,
    385.000_367_165_013_64,
    769.001_466_754_296_2,
    1_537.005_863_215_250_2,
    3_073.023_445_333_802_6,
    6_145.093_766_894_186,
    12_289.375_043_556_112,
    24_578.500_165_384_026,
    49_159.000_958_161_41,
    98_329.006_940_410_34,
    196_705.054_084_705_74,
];

/// The coupon of a value's bytes; numbers are hashed as 64 bits.
pub(super) fn coupon(bytes: &[u8]) -> u32 {
    let hash = fastmurmur3::murmur3_x64_128(bytes, SEED);
    let rarity = ((hash >> 64) as u64).leading_zeros().min(62) + 1;
    rarity << SLOT_BITS | (hash as u32 & SLOT_MASK)
}

impl HllSketch {
    /// The values of `lg_k` that Spark takes.
    pub(super) const LG_K: std::ops::RangeInclusive<u32> = 4..=21;

    pub(super) fn new() -> Self {
        Self::List { coupons: [0; LIST], count: 0 }
    }

    /// Adds a coupon, and says how many bytes more it holds then.
    pub(super) fn add(&mut self, lg_k: u32, coupon: u32) -> usize {
        match self {
            Self::List { coupons, count } => {
                let known = &coupons[..usize::from(*count)];
                if known.contains(&coupon) {
                    return 0;
                }
                coupons[usize::from(*count)] = coupon;
                *count += 1;
                if usize::from(*count) < LIST {
                    return 0;
                }
                let coupons = *coupons;
                if lg_k < 8 {
                    return self.promote(lg_k, &coupons);
                }
                let mut slots = vec![0; 1 << LEAST_LG_SET].into_boxed_slice();
                for coupon in coupons {
                    insert(&mut slots, coupon);
                }
                *self = Self::Set { slots, count: LIST as u32 };
                size_of::<u32>() << LEAST_LG_SET
            }
            Self::Set { slots, count } => {
                if !insert(slots, coupon) {
                    return 0;
                }
                *count += 1;
                let capacity = slots.len();
                if 4 * *count as usize <= 3 * capacity {
                    return 0;
                }
                if capacity == 1 << (lg_k - 3) {
                    let coupons: Vec<u32> = slots.iter().copied().filter(|&coupon| coupon != 0).collect();
                    // Its registers take more than the set did.
                    return self.promote(lg_k, &coupons) - capacity * size_of::<u32>();
                }
                let mut larger = vec![0; 2 * capacity].into_boxed_slice();
                for &coupon in slots.iter().filter(|&&coupon| coupon != 0) {
                    insert(&mut larger, coupon);
                }
                *slots = larger;
                capacity * size_of::<u32>()
            }
            Self::Registers(registers) => {
                registers.add(coupon);
                0
            }
        }
    }

    fn promote(&mut self, lg_k: u32, coupons: &[u32]) -> usize {
        let mut registers = Registers::new(lg_k);
        coupons.iter().for_each(|&coupon| registers.add(coupon));
        registers.hip = AT_PROMOTION[lg_k.saturating_sub(7) as usize];
        let grown = size_of::<Registers>() + registers.values.len();
        *self = Self::Registers(Box::new(registers));
        grown
    }

    /// Appends the sketch in the library's updatable form, which is what Spark keeps.
    pub(super) fn write(&self, lg_k: u32, bytes: &mut Vec<u8>) {
        const HLL_8: u8 = 2 << 2;
        let header = |ints: u8, lg_slots: u32, empty: bool, count: u8, mode: u8| {
            [ints, 1, 7, lg_k as u8, lg_slots as u8, u8::from(empty) << 2, count, HLL_8 | mode]
        };
        match self {
            Self::List { coupons, count } => {
                bytes.extend(header(2, LIST.trailing_zeros(), *count == 0, *count, 0));
                bytes.extend(coupons.iter().flat_map(|coupon| coupon.to_le_bytes()));
            }
            Self::Set { slots, count } => {
                bytes.extend(header(3, slots.len().trailing_zeros(), false, 0, 1));
                bytes.extend(count.to_le_bytes());
                bytes.extend(slots.iter().flat_map(|coupon| coupon.to_le_bytes()));
            }
            Self::Registers(registers) => {
                bytes.extend(header(10, 0, false, 0, 2));
                for number in [registers.hip, registers.kxq[0], registers.kxq[1]] {
                    bytes.extend(number.to_le_bytes());
                }
                bytes.extend(registers.zeros.to_le_bytes());
                bytes.extend([0; 4]);
                bytes.extend(&registers.values);
            }
        }
    }
}

/// Puts a coupon where its probes lead; false if it was there.
fn insert(slots: &mut [u32], coupon: u32) -> bool {
    let mask = slots.len() as u32 - 1;
    let stride = (coupon & SLOT_MASK) >> slots.len().trailing_zeros() | 1;
    let mut probe = coupon & mask;
    // A quarter of the slots is always free, and an odd stride comes to all of them.
    loop {
        let slot = &mut slots[probe as usize];
        if *slot == 0 {
            *slot = coupon;
            return true;
        }
        if *slot == coupon {
            return false;
        }
        probe = (probe + stride) & mask;
    }
}

impl Registers {
    fn new(lg_k: u32) -> Self {
        let count = 1 << lg_k;
        Self {
            values: vec![0; count as usize].into_boxed_slice(),
            zeros: count,
            hip: 0.0,
            kxq: [f64::from(count), 0.0],
        }
    }

    fn add(&mut self, coupon: u32) {
        let count = self.values.len();
        let register = &mut self.values[(coupon & SLOT_MASK) as usize & (count - 1)];
        let (before, value) = (*register, (coupon >> SLOT_BITS) as u8);
        if value <= before {
            return;
        }
        *register = value;
        self.zeros -= u32::from(before == 0);
        self.hip += count as f64 / (self.kxq[0] + self.kxq[1]);
        let share = |value: u8| 1.0 / (1_u64 << value) as f64;
        self.kxq[usize::from(before >= 32)] -= share(before);
        self.kxq[usize::from(value >= 32)] += share(value);
    }
}

/// The registers of `approx_count_distinct`: `HyperLogLog++` (Heule, Nunkesser and Hall, 2013) with 2^precision registers of 6 bits, ten in
/// each BIGINT, as Spark's buffers have them. They do not depend on the order of values.
#[derive(Debug)]
pub(super) struct PlusPlus {
    precision: u32,
    /// Those of all groups, one behind the other.
    words: Vec<u64>,
}

impl PlusPlus {
    const REGISTER_BITS: u32 = 6;
    const REGISTERS_A_WORD: usize = 10;
    /// Registers beyond 2^16 would take half a megabyte a group; Spark allows more.
    pub(super) const PRECISION: std::ops::RangeInclusive<u32> = 4..=16;

    pub(super) fn new(precision: u32) -> Self {
        Self { precision, words: Vec::new() }
    }

    /// BIGINTs of a group.
    pub(super) fn width(&self) -> usize {
        (1_usize << self.precision).div_ceil(Self::REGISTERS_A_WORD)
    }

    pub(super) fn resize(&mut self, groups: usize) {
        self.words.resize(groups * self.width(), 0);
    }

    /// Adds a value by its hash.
    pub(super) fn add(&mut self, group: usize, hash: u64) {
        let index = (hash >> (u64::BITS - self.precision)) as usize;
        let rest = hash << self.precision | 1 << (self.precision - 1);
        let rank = u64::from(rest.leading_zeros() + 1);
        let shift = Self::REGISTER_BITS * (index % Self::REGISTERS_A_WORD) as u32;
        let place = group * self.width() + index / Self::REGISTERS_A_WORD;
        let word = &mut self.words[place];
        let mask = (1 << Self::REGISTER_BITS) - 1;
        if rank > *word >> shift & mask {
            *word = *word & !(mask << shift) | rank << shift;
        }
    }

    /// The words of all groups at one place, and so on for each place.
    pub(super) fn drain(&mut self) -> Vec<Vec<i64>> {
        let (words, width) = (std::mem::take(&mut self.words), self.width());
        (0..width).map(|place| words.iter().skip(place).step_by(width).map(|&word| word as i64).collect()).collect()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}
