/* Where things are when nobody says so: systemd's directories first, then /etc, /var/lib and /run
 * for the system, or the XDG base directories for a user. */
#include "config/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int path_join(char **ret, const char *dir, const char *rest)
{
	char *path;

	*ret = NULL;
	if (!dir || dir[0] != '/') /* the XDG specification: what is not absolute does not count */
		return 0;
	if (asprintf(&path, "%.*s%s", (int)strcspn(dir, ":"), dir, rest) < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

static bool given(const char *dir)
{
	return dir && dir[0] == '/';
}

int paths_config_file(const struct config_env *env, char **ret)
{
	if (given(env->configuration_directory))
		return path_join(ret, env->configuration_directory, "/tunewatch.conf");
	if (env->system)
		return path_join(ret, SYSCONFDIR, "/tunewatch/tunewatch.conf");
	if (given(env->xdg_config_home))
		return path_join(ret, env->xdg_config_home, "/tunewatch/tunewatch.conf");
	return path_join(ret, env->home, "/.config/tunewatch/tunewatch.conf");
}

int paths_state_dir(const struct config_env *env, char **ret)
{
	if (given(env->state_directory))
		return path_join(ret, env->state_directory, "");
	if (env->system)
		return path_join(ret, "/var/lib", "/tunewatch");
	if (given(env->xdg_state_home))
		return path_join(ret, env->xdg_state_home, "/tunewatch");
	return path_join(ret, env->home, "/.local/state/tunewatch");
}

int paths_control_socket(const struct config_env *env, char **ret)
{
	if (given(env->runtime_directory))
		return path_join(ret, env->runtime_directory, "/control.sock");
	if (env->system)
		return path_join(ret, "/run", "/tunewatch/control.sock");
	return path_join(ret, env->xdg_runtime_dir, "/tunewatch/control.sock");
}
