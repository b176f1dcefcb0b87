//! A bit a row, set while rows are read; most kernels set few.

use arrow::buffer::{BooleanBuffer, Buffer};

/// Bits that start unset.
#[derive(Debug)]
pub(crate) struct Mask {
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    pub(crate) fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    #[inline]
    pub(crate) fn set(&mut self, row: usize) {
        debug_assert!(row < self.len);
        self.words[row / 64] |= 1 << (row % 64);
    }

    pub(crate) fn finish(self) -> BooleanBuffer {
        BooleanBuffer::new(Buffer::from_vec(self.words), 0, self.len)
    }
}

impl From<BooleanBuffer> for Mask {
    fn from(bits: BooleanBuffer) -> Self {
        Self { words: bits.bit_chunks().iter_padded().take(bits.len().div_ceil(64)).collect(), len: bits.len() }
    }
}
