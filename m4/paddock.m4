# SPDX-License-Identifier: Apache-2.0
# Changes when configure.ac needs another kind of question asked.

# PDK_PLUGIN(KIND, NAME)
# Declares the plugin of the directory plugins/KIND/NAME: --with-plugin-KIND-NAME=shared|no (default shared) and the
# conditional PLUGIN_KIND_NAME, under which the plugin's Makefile.inc adds its module. Its static twin is always
# built for the tests.
AC_DEFUN([PDK_PLUGIN], [
	AC_ARG_WITH([plugin-$1-$2],
		[AS_HELP_STRING([--with-plugin-$1-$2=shared|no], [the $1 plugin $2 (default: shared)])],
		[], [with_plugin_$1_$2=shared])
	AS_CASE([$with_plugin_$1_$2],
		[yes|shared], [with_plugin_$1_$2=shared
			pdk_plugins="$pdk_plugins $1/$2"],
		[no], [],
		[AC_MSG_ERROR([--with-plugin-$1-$2=$with_plugin_$1_$2: expected shared or no])])
	AM_CONDITIONAL([PLUGIN_]m4_toupper([$1_$2]), [test "x$with_plugin_$1_$2" = xshared])
])

# PDK_PROBE_LIB(VARIABLE, HEADER, LIBRARY, FUNCTION)
# For a library without a pkg-config file: sets VARIABLE_LIBS, and pdk_have_VARIABLE to yes or no.
AC_DEFUN([PDK_PROBE_LIB], [
	pdk_have_$1=no
	pdk_save_LIBS=$LIBS
	AC_CHECK_HEADER([$2], [AC_SEARCH_LIBS([$4], [$3], [pdk_have_$1=yes])])
	LIBS=$pdk_save_LIBS
	AS_CASE([$ac_cv_search_$4], [-l*], [$1_LIBS=$ac_cv_search_$4], [$1_LIBS=])
	AC_SUBST([$1_LIBS])
])

# PDK_CHECK_LIB(VARIABLE, HEADER, LIBRARY, FUNCTION, DEBIAN-PACKAGE)
# The same, and the library must be there.
AC_DEFUN([PDK_CHECK_LIB], [
	PDK_PROBE_LIB([$1], [$2], [$3], [$4])
	AS_IF([test "x$pdk_have_$1" != xyes],
		[AC_MSG_ERROR([$2 with $4 in -l$3 is needed (Debian: $5)])])
])

# PDK_TRY_FLAGS(FLAGS, IF-WORKS, IF-NOT)
# Whether the compiler compiles and links a program with FLAGS.
AC_DEFUN([PDK_TRY_FLAGS], [
	pdk_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS $1"
	AC_MSG_CHECKING([whether $CC works with $1])
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [pdk_flags_work=yes], [pdk_flags_work=no])
	AC_MSG_RESULT([$pdk_flags_work])
	CFLAGS=$pdk_save_CFLAGS
	AS_IF([test "x$pdk_flags_work" = xyes], [$2], [$3])
])
