//! planb-connector-mysql.
