# Patterns that start a lazy grammar may look around, which the room's own expressions cannot.
target_link_libraries(grammar PRIVATE PkgConfig::PCRE2)
