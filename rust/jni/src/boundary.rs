//! Failures on their way into the JVM: an error, or a panic, becomes a pending `DownbeatException`.

use std::{any::Any, cell::RefCell, ffi::c_void, panic, sync::OnceLock};

use jni::{
    Env, JavaVM,
    errors::ErrorPolicy,
    jni_sig, jni_str,
    objects::{JClass, JThrowable, JValue},
    refs::Global,
    sys,
};

use crate::{
    error::{Error, PANIC, chain},
    natives,
};

/// Looked up once, on the thread that loads the library: later threads may see other class loaders.
static EXCEPTION: OnceLock<Global<JClass<'static>>> = OnceLock::new();

thread_local! {
    /// What the last panic of this thread said, and where.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Binds every native method when the JVM loads the library, so that a missing or changed one fails then and not at its
/// first call.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn JNI_OnLoad(vm: *mut sys::JavaVM, _reserved: *mut c_void) -> sys::jint {
    panic::set_hook(Box::new(|info| {
        let text = match info.location() {
            Some(location) => format!("{} at {}:{}", message(info.payload()), location.file(), location.line()),
            None => message(info.payload()).to_owned(),
        };
        LAST_PANIC.with(|last| *last.borrow_mut() = Some(text));
    }));
    // SAFETY: the JVM calls this once, with itself.
    let vm = unsafe { JavaVM::from_raw(vm) };
    let bound = vm.with_top_local_frame(|env| -> jni::errors::Result<()> {
        let exception = env.find_class(jni_str!("dev/downbeat/spark/DownbeatException"))?;
        let exception = env.new_global_ref(&exception)?;
        // A second load, by another class loader, keeps the first class.
        let _ = EXCEPTION.set(exception);
        let class = env.find_class(jni_str!("dev/downbeat/spark/jni/Native"))?;
        // SAFETY: every method of `Native` is static, and the functions are declared beside their signatures.
        unsafe { env.register_native_methods(&class, &natives::methods()) }
    });
    match bound {
        Ok(()) => sys::JNI_VERSION_1_8,
        // The pending exception, or the refused version, fails `System.load`.
        Err(_) => sys::JNI_ERR,
    }
}

/// Throws `DownbeatException` for any error or panic, and returns a default nobody sees.
#[derive(Debug)]
pub(crate) struct Throw;

impl<T: Default> ErrorPolicy<T, Error> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut Self::Captures<'unowned_env_local, 'native_method>,
        error: Error,
    ) -> jni::errors::Result<T> {
        if !env.exception_check() {
            throw(env, error.condition(), &chain(&error))?;
        }
        Ok(T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut Self::Captures<'unowned_env_local, 'native_method>,
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let text = LAST_PANIC.with(|last| last.borrow_mut().take());
        throw(env, PANIC, text.as_deref().unwrap_or_else(|| message(payload.as_ref())))?;
        // Dropping a payload of a stranger's type could panic again; a leak of one is harmless.
        std::mem::forget(payload);
        Ok(T::default())
    }
}

fn throw(env: &mut Env<'_>, condition: &str, detail: &str) -> jni::errors::Result<()> {
    let class = EXCEPTION.get().ok_or(jni::errors::Error::NullPtr("the class DownbeatException"))?;
    let condition = env.new_string(condition)?;
    let detail = env.new_string(detail)?;
    let arguments = [JValue::from(&condition), JValue::from(&detail)];
    let exception = env.new_object(class, jni_sig!("(Ljava/lang/String;Ljava/lang/String;)V"), &arguments)?;
    let exception = env.cast_local::<JThrowable<'_>>(exception)?;
    match env.throw(exception) {
        // What `throw` reports once it has thrown.
        Ok(()) | Err(jni::errors::Error::JavaException) => Ok(()),
        Err(other) => Err(other),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without words",
    }
}
