//! The few functions of XGBoost's C API we use, behind types that can't be misused.
//!
//! This is the only file with `unsafe` in it. Every handle is owned by a Rust value and freed
//! once; every pointer XGBoost hands out is copied from before the next call; every failure is an
//! error with XGBoost's own words. What XGBoost logs goes to `tracing`, never to the terminal.
//!
//! OpenMP reads its wait policy when it is loaded, before `main`: whoever starts a worker process
//! sets `OMP_WAIT_POLICY=PASSIVE` in its environment, or waiting threads burn whole cores.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use crate::dataset::Matrix;

/// What XGBoost said when a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XgboostError(pub String);

type Handle = *mut c_void;
type Length = u64;

unsafe extern "C" {
    fn XGBGetLastError() -> *const c_char;
    fn XGBRegisterLogCallback(callback: extern "C" fn(*const c_char)) -> c_int;
    fn XGProxyDMatrixCreate(out: *mut Handle) -> c_int;
    fn XGProxyDMatrixSetDataDense(proxy: Handle, data: *const c_char) -> c_int;
    fn XGDMatrixSetInfoFromInterface(
        handle: Handle,
        field: *const c_char,
        data: *const c_char,
    ) -> c_int;
    fn XGQuantileDMatrixCreateFromCallback(
        iter: *mut c_void,
        proxy: Handle,
        reference: Handle,
        reset: extern "C" fn(*mut c_void),
        next: extern "C" fn(*mut c_void) -> c_int,
        config: *const c_char,
        out: *mut Handle,
    ) -> c_int;
    fn XGDMatrixFree(handle: Handle) -> c_int;
    fn XGBoosterCreate(matrices: *const Handle, length: Length, out: *mut Handle) -> c_int;
    fn XGBoosterFree(handle: Handle) -> c_int;
    fn XGBoosterSetParam(handle: Handle, name: *const c_char, value: *const c_char) -> c_int;
    fn XGBoosterUpdateOneIter(handle: Handle, round: c_int, train: Handle) -> c_int;
    fn XGBoosterEvalOneIter(
        handle: Handle,
        round: c_int,
        matrices: *const Handle,
        names: *const *const c_char,
        length: Length,
        out: *mut *const c_char,
    ) -> c_int;
    fn XGBoosterSaveModelToBuffer(
        handle: Handle,
        config: *const c_char,
        length: *mut Length,
        out: *mut *const c_char,
    ) -> c_int;
    fn XGBoosterSetAttr(handle: Handle, key: *const c_char, value: *const c_char) -> c_int;
    fn XGBoosterLoadModelFromBuffer(handle: Handle, data: *const c_void, length: Length) -> c_int;
    #[cfg(test)]
    fn XGBoosterPredictFromDense(
        handle: Handle,
        values: *const c_char,
        config: *const c_char,
        proxy: Handle,
        shape: *mut *const Length,
        dimensions: *mut Length,
        out: *mut *const f32,
    ) -> c_int;
}

/// Gives a line of XGBoost's log to `tracing`.
extern "C" fn log(message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: XGBoost passes a NUL-terminated string that lives until this function returns.
    let message = unsafe { CStr::from_ptr(message) };
    tracing::warn!(target: "xgboost", "{}", message.to_string_lossy().trim_end());
}

/// Turns a return code into a result.
fn check(code: c_int) -> Result<(), XgboostError> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the function takes nothing and returns a NUL-terminated string in storage of this
    // thread, valid until its next failing call; it is copied here.
    let message = unsafe { CStr::from_ptr(XGBGetLastError()) }.to_string_lossy();
    // The first line says what happened; the rest is a C++ stack trace.
    let first = message.lines().next().unwrap_or_default();
    Err(XgboostError(first.trim().to_owned()))
}

/// Sends this thread's log lines to `tracing`; XGBoost keeps the callback per thread.
fn route_log() -> Result<(), XgboostError> {
    // SAFETY: `log` is a function of the expected type that lives as long as the program.
    check(unsafe { XGBRegisterLogCallback(log) })
}

fn c_string(text: String) -> Result<CString, XgboostError> {
    CString::new(text).map_err(|_| XgboostError("a setting holds a NUL byte".into()))
}

/// numpy's array interface of a column-major matrix: no copy, strides say the order.
fn interface_of(x: &Matrix) -> Result<CString, XgboostError> {
    let (rows, features) = (x.rows(), x.features());
    c_string(format!(
        r#"{{"data":[{},true],"shape":[{rows},{features}],"strides":[4,{}],"typestr":"<f4","version":3}}"#,
        x.data().as_ptr().addr(),
        4 * rows,
    ))
}

fn interface_of_values(values: &[f32]) -> Result<CString, XgboostError> {
    c_string(format!(
        r#"{{"data":[{},true],"shape":[{}],"strides":null,"typestr":"<f4","version":3}}"#,
        values.as_ptr().addr(),
        values.len(),
    ))
}

/// Rows, labels and weights in the binned form the histogram method trains on.
pub struct BinnedMatrix(Handle);

/// What the callbacks see while a [`BinnedMatrix`] is built: one batch, given once per pass.
struct OneBatch {
    proxy: Handle,
    data: CString,
    labels: CString,
    weights: Option<CString>,
    given: bool,
}

extern "C" fn reset(batch: *mut c_void) {
    // SAFETY: XGBoost passes back the pointer `BinnedMatrix::new` gave it, during that call, from
    // the calling thread; nothing else refers to the batch meanwhile.
    let batch = unsafe { &mut *batch.cast::<OneBatch>() };
    batch.given = false;
}

extern "C" fn next(batch: *mut c_void) -> c_int {
    // SAFETY: as in `reset`.
    let batch = unsafe { &mut *batch.cast::<OneBatch>() };
    if std::mem::replace(&mut batch.given, true) {
        return 0;
    }
    let info = |field: &CStr, data: &CString| {
        // SAFETY: the proxy is alive, the strings are NUL-terminated, and the interface describes
        // a slice borrowed for the whole of `BinnedMatrix::new`.
        unsafe { XGDMatrixSetInfoFromInterface(batch.proxy, field.as_ptr(), data.as_ptr()) }
    };
    // SAFETY: as above; shape and strides are those of the borrowed matrix.
    let set = unsafe { XGProxyDMatrixSetDataDense(batch.proxy, batch.data.as_ptr()) } == 0
        && info(c"label", &batch.labels) == 0
        && batch
            .weights
            .as_ref()
            .is_none_or(|w| info(c"weight", w) == 0);
    // After a failure XGBoost is told that there is no batch, and its own checks report it.
    c_int::from(set)
}

impl BinnedMatrix {
    /// Bins a matrix; with `like`, into the bins of that one. NaN is a missing value.
    pub fn new(
        x: &Matrix,
        labels: &[f32],
        weights: Option<&[f32]>,
        like: Option<&BinnedMatrix>,
        max_bin: u32,
        threads: usize,
    ) -> Result<Self, XgboostError> {
        route_log()?;
        let lengths_agree = labels.len() == x.rows() && weights.is_none_or(|w| w.len() == x.rows());
        if !lengths_agree {
            return Err(XgboostError("labels or weights are not one a row".into()));
        }
        let config = c_string(format!(
            r#"{{"missing":NaN,"nthread":{threads},"max_bin":{max_bin}}}"#
        ))?;
        let mut proxy = ptr::null_mut();
        // SAFETY: `proxy` is a place for one handle.
        check(unsafe { XGProxyDMatrixCreate(&mut proxy) })?;
        let proxy = BinnedMatrix(proxy);
        let mut batch = OneBatch {
            proxy: proxy.0,
            data: interface_of(x)?,
            labels: interface_of_values(labels)?,
            weights: weights.map(interface_of_values).transpose()?,
            given: false,
        };
        let mut out = ptr::null_mut();
        // SAFETY: the batch outlives the call, which is the only time the callbacks run, and so
        // do matrix, labels and weights; the proxy is alive; `like` is null or a live matrix; the
        // callbacks do not unwind; `out` is a place for one handle.
        check(unsafe {
            XGQuantileDMatrixCreateFromCallback(
                ptr::from_mut(&mut batch).cast(),
                proxy.0,
                like.map_or(ptr::null_mut(), |l| l.0),
                reset,
                next,
                config.as_ptr(),
                &mut out,
            )
        })?;
        Ok(Self(out))
    }
}

impl Drop for BinnedMatrix {
    fn drop(&mut self) {
        // SAFETY: the handle came from a create function and is freed here only. Boosters hold
        // counted references of their own to the matrices they were given.
        unsafe { XGDMatrixFree(self.0) };
    }
}

/// A booster in training. It holds raw pointers, so it stays on its thread.
pub struct Trainer<'a> {
    booster: BoosterHandle,
    train: &'a BinnedMatrix,
}

/// A handle freed once.
#[derive(Debug)]
struct BoosterHandle(Handle);

impl Drop for BoosterHandle {
    fn drop(&mut self) {
        // SAFETY: the handle came from `XGBoosterCreate` and is freed here only.
        unsafe { XGBoosterFree(self.0) };
    }
}

impl BoosterHandle {
    fn create(matrices: &[Handle]) -> Result<Self, XgboostError> {
        route_log()?;
        let mut out = ptr::null_mut();
        // SAFETY: the slice holds live matrices; `out` is a place for one handle.
        check(unsafe { XGBoosterCreate(matrices.as_ptr(), matrices.len() as Length, &mut out) })?;
        Ok(Self(out))
    }
    fn set(&self, name: &str, value: &str) -> Result<(), XgboostError> {
        let (name, value) = (c_string(name.to_owned())?, c_string(value.to_owned())?);
        // SAFETY: the booster is alive; both strings are NUL-terminated.
        check(unsafe { XGBoosterSetParam(self.0, name.as_ptr(), value.as_ptr()) })
    }
    fn load(&self, model: &[u8]) -> Result<(), XgboostError> {
        // SAFETY: the booster is alive; pointer and length are those of a live slice.
        check(unsafe {
            XGBoosterLoadModelFromBuffer(self.0, model.as_ptr().cast(), model.len() as Length)
        })
    }
    fn save(&self, format: FileFormat) -> Result<Vec<u8>, XgboostError> {
        let config = match format {
            FileFormat::Json => c"{\"format\":\"json\"}",
            FileFormat::Ubj => c"{\"format\":\"ubj\"}",
        };
        let (mut length, mut out) = (0, ptr::null());
        // SAFETY: the booster is alive; the places are for one length and one pointer.
        check(unsafe {
            XGBoosterSaveModelToBuffer(self.0, config.as_ptr(), &mut length, &mut out)
        })?;
        if out.is_null() {
            return Err(XgboostError("it saved nothing".into()));
        }
        // SAFETY: after success `out` points to `length` bytes that live until the next call on
        // this thread; they are copied here.
        Ok(unsafe { std::slice::from_raw_parts(out.cast::<u8>(), length as usize) }.to_vec())
    }
}

/// XGBoost's file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// JSON.
    Json,
    /// Universal Binary JSON, XGBoost's default.
    Ubj,
}

impl<'a> Trainer<'a> {
    /// A booster without trees; `watch` is measured, never fitted.
    pub fn new(
        train: &'a BinnedMatrix,
        watch: Option<&'a BinnedMatrix>,
        settings: &[(&str, String)],
    ) -> Result<Self, XgboostError> {
        let handles: Vec<Handle> = std::iter::once(train).chain(watch).map(|m| m.0).collect();
        let booster = BoosterHandle::create(&handles)?;
        for (name, value) in settings {
            booster.set(name, value)?;
        }
        Ok(Self { booster, train })
    }

    /// Adds the trees of one round.
    pub fn update(&mut self, round: u32) -> Result<(), XgboostError> {
        // SAFETY: booster and matrix are alive, and used by this thread alone.
        check(unsafe { XGBoosterUpdateOneIter(self.booster.0, round as c_int, self.train.0) })
    }

    /// The evaluation metric on each matrix.
    pub fn evaluate(
        &mut self,
        round: u32,
        matrices: &[&BinnedMatrix],
    ) -> Result<Vec<f64>, XgboostError> {
        let handles: Vec<Handle> = matrices.iter().map(|m| m.0).collect();
        let names = vec![c"m".as_ptr(); handles.len()];
        let mut out = ptr::null();
        // SAFETY: both lists have `handles.len()` entries, all alive; `out` is a place for one
        // pointer.
        check(unsafe {
            XGBoosterEvalOneIter(
                self.booster.0,
                round as c_int,
                handles.as_ptr(),
                names.as_ptr(),
                handles.len() as Length,
                &mut out,
            )
        })?;
        // SAFETY: after success `out` points to a NUL-terminated string that lives until the next
        // call on this thread; it is copied here.
        let line = unsafe { CStr::from_ptr(out) }.to_string_lossy();
        // "[0]\tm-logloss:0.45\tm-logloss:0.46"
        let figures: Vec<f64> = line
            .split('\t')
            .skip(1)
            .filter_map(|part| part.rsplit(':').next()?.trim().parse().ok())
            .collect();
        if figures.len() != matrices.len() {
            return Err(XgboostError(format!("no figures in `{line}`")));
        }
        Ok(figures)
    }

    /// The model as XGBoost's JSON.
    pub fn model(&mut self) -> Result<Vec<u8>, XgboostError> {
        self.booster.save(FileFormat::Json)
    }
}

/// Loads a model, notes attributes in it and saves it in a format. The caller has checked the
/// model's trees, for XGBoost follows their indices without looking.
pub fn convert(
    json: &[u8],
    attributes: &[(&str, String)],
    format: FileFormat,
) -> Result<Vec<u8>, XgboostError> {
    let booster = BoosterHandle::create(&[])?;
    booster.load(json)?;
    for (key, value) in attributes {
        let (key, value) = (c_string((*key).to_owned())?, c_string(value.clone())?);
        // SAFETY: the booster is alive; both strings are NUL-terminated, and XGBoost copies them.
        check(unsafe { XGBoosterSetAttr(booster.0, key.as_ptr(), value.as_ptr()) })?;
    }
    booster.save(format)
}

/// A whole model that only predicts: what tests hold our own scoring against.
#[cfg(test)]
pub struct Predictor(BoosterHandle);

#[cfg(test)]
impl Predictor {
    /// Reads XGBoost's JSON. The caller has checked its trees.
    pub fn from_json(json: &[u8]) -> Result<Self, XgboostError> {
        let booster = BoosterHandle::create(&[])?;
        booster.load(json)?;
        Ok(Self(booster))
    }

    /// Probabilities of all rows: one a row for two classes, else one per row and class.
    pub fn predict(&self, x: &Matrix) -> Result<Vec<f32>, XgboostError> {
        route_log()?;
        let values = interface_of(x)?;
        let config = c"{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\
                       \"strict_shape\":true,\"missing\":NaN,\"cache_id\":0}";
        let (mut shape, mut dimensions, mut out) = (ptr::null(), 0, ptr::null());
        // SAFETY: the booster is alive; the interface describes the borrowed matrix; no proxy is
        // needed; the last three are places for what their types say.
        check(unsafe {
            XGBoosterPredictFromDense(
                self.0.0,
                values.as_ptr(),
                config.as_ptr(),
                ptr::null_mut(),
                &mut shape,
                &mut dimensions,
                &mut out,
            )
        })?;
        if shape.is_null() || out.is_null() {
            return Err(XgboostError("it predicted nothing".into()));
        }
        // SAFETY: after success `shape` has `dimensions` entries and `out` as many values as
        // their product; both lie in storage of this thread until its next call, and are copied.
        let values = unsafe {
            let shape = std::slice::from_raw_parts(shape, dimensions as usize);
            std::slice::from_raw_parts(out, shape.iter().product::<Length>() as usize)
        };
        Ok(values.to_vec())
    }
}
