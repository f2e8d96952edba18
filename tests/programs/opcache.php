<?php
// A script that a child compiles lies in the parent's cache: the cache is shared.
$memory = ini_get('opcache.preferred_memory_model');
$script = tempnam(sys_get_temp_dir(), 'opcache');
file_put_contents($script, '<?php return 6 * 7;');
touch($script, time() - 60);
echo $memory, ' cached before: ', var_export(opcache_is_script_cached($script), true), "\n";
$child = pcntl_fork();
if ($child === 0) {
    exit((include $script) === 42 ? 0 : 1);
}
pcntl_waitpid($child, $status);
echo 'the child ended with ', pcntl_wexitstatus($status), "\n";
echo $memory, ' cached now: ', var_export(opcache_is_script_cached($script), true), "\n";
echo 'it gives ', include $script, "\n";
echo 'hits: ', opcache_get_status(false)['opcache_statistics']['hits'], "\n";
unlink($script);
