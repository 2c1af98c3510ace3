#!/usr/bin/env python3
"""Writes src/tokenizer/unicode_table.cpp.

usage: unicode_table.py CATEGORIES.csv LOWER.csv NFD_FIRST.csv > src/tokenizer/unicode_table.cpp

CATEGORIES.csv has rows first,last,class (hexadecimal code points; first letter of the general
category, Cn for unassigned) without gaps; LOWER.csv has rows upper,lower (simple lower-case
mapping); NFD_FIRST.csv has rows first,last,start (characters whose canonical decomposition begins
with another character, and that character). All follow from the Unicode Character Database.
"""
import csv
import sys


def rows(path):
    with open(path, encoding="ascii") as file:
        return list(csv.reader(file))[1:]


def block(items, per_line):
    for i in range(0, len(items), per_line):
        print("    " + " ".join(item + "," for item in items[i : i + per_line]))


categories = []
for first, _, name in rows(sys.argv[1]):
    letter = "n" if name == "Cn" else name[0]
    if not categories or categories[-1][1] != letter:
        categories.append((first, letter))
lower = rows(sys.argv[2])
decompositions = [row for row in rows(sys.argv[3]) if row[0] != row[2] or row[0] != row[1]]

print("// Written by tools/unicode_table.py from the Unicode Character Database.")
print('#include "tokenizer/unicode.h"\n')
print("// clang-format off\nnamespace llm::unicode::table {\n")
print("const Category kCategories[] = {")
block(["{0x%s, '%s'}" % c for c in categories], 5)
print("};\nconst std::size_t kCategoryCount = sizeof kCategories / sizeof kCategories[0];\n")
print("const Lower kLower[] = {")
block(["{0x%s, 0x%s}" % (u, l) for u, l in lower], 5)
print("};\nconst std::size_t kLowerCount = sizeof kLower / sizeof kLower[0];\n")
print("const Decomposition kDecompositions[] = {")
block(["{0x%s, 0x%s, 0x%s}" % tuple(row) for row in decompositions], 3)
print("};\nconst std::size_t kDecompositionCount = sizeof kDecompositions / sizeof kDecompositions[0];\n")
print("}  // namespace llm::unicode::table")
