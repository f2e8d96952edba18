<?php
// shmop and sysvshm, from two processes; prints what came of each call.

function check(string $what, bool $holds): void
{
    echo $what, ': ', $holds ? 'yes' : 'no', "\n";
}

// Another interpreter, which runs the code and prints.
function other(string $code): string
{
    return shell_exec(escapeshellarg(PHP_BINARY) . ' -r ' . escapeshellarg($code)) ?? '';
}

$key = ftok(__FILE__, 's');
$block = shmop_open($key, 'n', 0600, 10000);
check('size', shmop_size($block) === 10000);
check('empty', shmop_read($block, 0, 10000) === str_repeat("\0", 10000));
check('written', shmop_write($block, 'from PHP', 9992) === 8);
echo 'another reads: ', other("\$b = shmop_open($key, 'a', 0, 0); echo shmop_read(\$b, 9992, 8);"), "\n";
echo 'another writes: ', other("\$b = shmop_open($key, 'w', 0, 0); echo shmop_write(\$b, 'back', 0);"), "\n";
check('read back', shmop_read($block, 0, 4) === 'back');
check('a second with n', @shmop_open($key, 'n', 0600, 10000) !== false);
echo error_get_last()['message'], "\n";
check('too large', @shmop_open($key, 'c', 0600, 20000) !== false);
echo error_get_last()['message'], "\n";
$reader = shmop_open($key, 'a', 0, 0);
try {
    shmop_write($reader, 'x', 0);
} catch (Error $error) {
    echo $error->getMessage(), "\n";
}
unset($reader);
check('deleted', shmop_delete($block));
check('still readable', shmop_read($block, 0, 4) === 'back');
unset($block);
check('gone', @shmop_open($key, 'a', 0, 0) === false);

$key = ftok(__FILE__, 'v');
$table = shm_attach($key, 20000, 0600);
check('put', shm_put_var($table, 1, ['a' => 1, 'b' => str_repeat('x', 5000)]));
echo 'another gets: ', other("\$t = shm_attach($key); \$v = shm_get_var(\$t, 1); echo \$v['a'], ' ', strlen(\$v['b']);
    shm_put_var(\$t, 2, 'answer'); shm_remove_var(\$t, 1);"), "\n";
check('removed by the other', !shm_has_var($table, 1));
echo 'got: ', shm_get_var($table, 2), "\n";
check('no room', @shm_put_var($table, 3, str_repeat('y', 30000)));
shm_detach($table);
$table = shm_attach($key);
check('kept while nobody was attached', shm_get_var($table, 2) === 'answer');
check('table removed', shm_remove($table));
