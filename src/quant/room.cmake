# Expansion is specified operation by operation: a fused multiply-add would change the last bit.
set_source_files_properties(${room_sources} PROPERTIES COMPILE_OPTIONS "-ffp-contract=off")
