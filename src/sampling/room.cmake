# Fused multiply-add would make sampled text depend on the machine.
target_compile_options(sampling PRIVATE -ffp-contract=off)
