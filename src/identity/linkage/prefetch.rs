//! Asks the machine for memory that is needed soon: comparing jumps from record to record, and would wait for most of them.

/// Bytes that come at once.
const LINE: usize = 64;

/// Asks for a part of a slice, as far as it is there. A hint: it changes nothing but the time.
#[inline]
pub fn prefetch<T>(slice: &[T], from: usize, to: usize) {
    let Some(part) = slice.get(from..to.min(slice.len())) else { return };
    #[cfg(target_arch = "x86_64")]
    for offset in (0..size_of_val(part)).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address lies within the part, and a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(part.as_ptr().cast::<i8>().add(offset)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (part, LINE);
}
