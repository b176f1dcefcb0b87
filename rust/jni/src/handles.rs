//! Numbers that stand for native values in the JVM.
//!
//! A handle holds a place and the generation of its tenant, so one that was given back, or a wrong number, is an error
//! and never another value or freed memory. A value that is still in use when its handle is given back lives on until
//! that use ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// The values of one kind that the JVM owns.
#[derive(Debug)]
pub(crate) struct Handles<T> {
    kind: &'static str,
    places: Mutex<Places<T>>,
}

#[derive(Debug)]
struct Places<T> {
    all: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<Arc<T>>,
}

/// The largest generation: a handle stays positive. A place that reaches it is not let again.
const LAST_GENERATION: u32 = i32::MAX as u32;

impl<T> Handles<T> {
    pub(crate) const fn new(kind: &'static str) -> Self {
        Self { kind, places: Mutex::new(Places { all: Vec::new(), free: Vec::new() }) }
    }

    /// Takes a value in. The handle is never 0.
    pub(crate) fn insert(&self, value: Arc<T>) -> i64 {
        let mut places = self.places();
        let place = match places.free.pop() {
            Some(place) => place,
            None => {
                places.all.push(Place { generation: 0, value: None });
                (places.all.len() - 1) as u32
            }
        };
        let tenant = &mut places.all[place as usize];
        tenant.generation += 1;
        tenant.value = Some(value);
        i64::from(tenant.generation) << 32 | i64::from(place)
    }

    /// The value behind a handle.
    pub(crate) fn get(&self, handle: i64) -> Result<Arc<T>> {
        let mut places = self.places();
        let tenant = self.tenant(&mut places, handle)?;
        tenant.value.as_ref().map(Arc::clone).ok_or(Error::Closed { kind: self.kind, handle })
    }

    /// Gives a handle back.
    pub(crate) fn remove(&self, handle: i64) -> Result<Arc<T>> {
        let mut places = self.places();
        let tenant = self.tenant(&mut places, handle)?;
        let value = tenant.value.take().ok_or(Error::Closed { kind: self.kind, handle })?;
        if tenant.generation < LAST_GENERATION {
            places.free.push(handle as u32);
        }
        Ok(value)
    }

    /// How many handles are given out.
    pub(crate) fn live(&self) -> usize {
        self.places().all.iter().filter(|place| place.value.is_some()).count()
    }

    fn tenant<'a>(&self, places: &'a mut Places<T>, handle: i64) -> Result<&'a mut Place<T>> {
        let generation = (handle >> 32) as u32;
        let tenant = places.all.get_mut(handle as u32 as usize).filter(|tenant| tenant.generation == generation);
        tenant.ok_or(Error::Closed { kind: self.kind, handle })
    }

    /// No operation leaves the places half changed, so a panic while they were locked does no harm.
    fn places(&self) -> MutexGuard<'_, Places<T>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_given_back_is_an_error_even_after_its_place_has_a_new_tenant() {
        let handles = Handles::new("thing");
        let first = handles.insert(Arc::new(1));
        assert_eq!(*handles.get(first).unwrap(), 1);
        assert_eq!(*handles.remove(first).unwrap(), 1);
        assert!(matches!(handles.remove(first), Err(Error::Closed { .. })));
        let second = handles.insert(Arc::new(2));
        assert_eq!(first as u32, second as u32, "the place is let again");
        assert!(matches!(handles.get(first), Err(Error::Closed { .. })));
        assert_eq!(*handles.get(second).unwrap(), 2);
        assert_eq!(handles.live(), 1);
    }

    #[test]
    fn a_number_that_never_was_a_handle_is_an_error() {
        let handles = Handles::<i32>::new("thing");
        for number in [0, 1, -1, i64::MIN, i64::MAX] {
            assert!(matches!(handles.get(number), Err(Error::Closed { .. })), "{number}");
        }
    }

    #[test]
    fn a_value_in_use_outlives_its_handle() {
        let handles = Handles::new("thing");
        let handle = handles.insert(Arc::new(String::from("x")));
        let in_use = handles.get(handle).unwrap();
        handles.remove(handle).unwrap();
        assert_eq!(*in_use, "x");
    }
}
