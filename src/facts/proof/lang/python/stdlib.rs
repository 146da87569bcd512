//! The names of the modules in Python's standard library, and which of them may be built into the interpreter.
//!
//! The union of `sys.stdlib_module_names` over CPython 3.10 to 3.13; the core is the intersection of
//! `sys.builtin_module_names` over these and Debian's. Not here: where they are.

/// Built into every interpreter, or frozen: they need no file.
const CORE: &str = " _abc _ast _codecs _collections _functools _imp _io _locale _operator _signal _sre _stat _string \
    _symtable _thread _tracemalloc _warnings _weakref atexit builtins errno faulthandler gc itertools marshal posix pwd sys \
    time _frozen_importlib _frozen_importlib_external zipimport ";

/// Written in C: built into some interpreters, files in others.
const COMPILED: &str = " _asyncio _bisect _blake2 _bz2 _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr \
    _codecs_tw _contextvars _crypt _csv _ctypes _curses _curses_panel _datetime _dbm _decimal _elementtree _gdbm _hashlib \
    _heapq _interpchannels _interpqueues _interpreters _json _lsprof _lzma _md5 _multibytecodec _multiprocessing _opcode \
    _pickle _posixshmem _posixsubprocess _queue _random _sha1 _sha2 _sha256 _sha3 _sha512 _socket _sqlite3 _ssl _statistics \
    _struct _suggestions _sysconfig _tkinter _tokenize _typing _uuid _xxinterpchannels _xxsubinterpreters _zoneinfo array \
    audioop binascii cmath fcntl grp math mmap nis ossaudiodev pyexpat readline resource select spwd syslog termios \
    unicodedata xxlimited xxsubtype zlib ";

/// Written in Python.
const WRITTEN: &str = " __future__ _collections_abc _colorize _compat_pickle _compression _markupbase _opcode_metadata \
    _osx_support _py_abc _pydatetime _pydecimal _pyio _pylong _pyrepl _sitebuiltins _strptime _threading_local _weakrefset \
    abc aifc antigravity argparse ast asynchat asyncio asyncore base64 bdb binhex bisect bz2 cProfile calendar cgi cgitb \
    chunk cmd code codecs codeop collections colorsys compileall concurrent configparser contextlib contextvars copy copyreg \
    crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum \
    filecmp fileinput fnmatch fractions ftplib functools genericpath getopt getpass gettext glob graphlib gzip hashlib heapq \
    hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress json keyword lib2to3 linecache locale logging \
    lzma mailbox mailcap mimetypes modulefinder multiprocessing netrc nntplib ntpath nturl2path numbers opcode operator \
    optparse os pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posixpath pprint profile pstats pty \
    py_compile pyclbr pydoc pydoc_data queue quopri random re reprlib rlcompleter runpy sched secrets selectors shelve shlex \
    shutil signal site smtpd smtplib sndhdr socket socketserver sqlite3 sre_compile sre_constants sre_parse ssl stat \
    statistics string stringprep struct subprocess sunau symtable sysconfig tabnanny tarfile telnetlib tempfile textwrap this \
    threading timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unittest \
    urllib uu uuid venv warnings wave weakref webbrowser wsgiref xdrlib xml xmlrpc zipapp zipfile zoneinfo ";

fn lists(list: &str, name: &str) -> bool {
    !name.contains(char::is_whitespace) && list.contains(&format!(" {name} "))
}

/// Whether this module is built into every interpreter.
pub fn is_core(name: &str) -> bool {
    lists(CORE, name)
}

/// Whether this module is built into some interpreters.
pub fn is_compiled(name: &str) -> bool {
    lists(COMPILED, name)
}

/// Whether a top-level module is in the standard library.
pub fn is_standard(name: &str) -> bool {
    lists(WRITTEN, name) || is_core(name) || is_compiled(name)
}
