//! Runnable programs that use Flow as an application would; each is an example target of this package.
