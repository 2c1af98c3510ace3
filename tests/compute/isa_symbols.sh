#!/bin/sh
# isa_symbols.sh NM OBJECT...: no function that was compiled for one instruction set may serve others.
# The linker keeps one copy of every weak symbol, whichever file it comes from; so files of
# cpu/isa/<set>/ may define none, unless its name belongs to that set's own namespace.
nm=$1
shift
failed=0
seen=0
for object in "$@"; do
  isa=$(expr "$object" : '.*/cpu/isa/\(a[vm]x[a-z0-9_]*\|neon\)/') || continue
  seen=$((seen + 1))
  leaks=$("$nm" --demangle --defined-only "$object" |
    grep -E ' [WVu] ' | grep -v "llm::compute::cpu::$isa::")
  if [ -n "$leaks" ]; then
    echo "$object defines symbols that other files may end up using:"
    echo "$leaks"
    failed=1
  fi
done
echo "$seen object files of instruction sets looked at"
[ "$seen" -gt 0 ] && [ "$failed" -eq 0 ]
