"""Runs a program of Swift with its configuration in any folder: swift_run.py SWIFT_DIR MODULE [ARGUMENTS].

Programs look for swift.conf in one folder of the system and read their limits while they are imported, so the folder is said before.
"""
import importlib
import sys

from swift.common import utils

utils.set_swift_dir(sys.argv.pop(1))
sys.exit(importlib.import_module(sys.argv.pop(1)).main())
