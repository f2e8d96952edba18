# Perl's own calls, IPC::SysV and IPC::SharedMem, from two processes; prints what came of each.
use strict;
use warnings;
use Errno;
use IPC::SharedMem;
use IPC::SysV qw(ftok IPC_CREAT IPC_EXCL IPC_PRIVATE IPC_RMID IPC_SET IPC_STAT S_IRUSR S_IWUSR
    shmat shmdt memread memwrite SHM_RDONLY);

$| = 1;

sub check {
    my ($what, $holds) = @_;
    print "$what: ", ($holds ? 'yes' : 'no (' . join(' ', grep { $!{$_} } keys %!) . ')'), "\n";
}

# Runs the code in a child and waits for it.
sub other(&) {
    my ($code) = @_;
    my $child = fork // die "fork: $!";
    if ($child == 0) {
        $code->();
        exit 0;
    }
    waitpid $child, 0;
    check 'the other ended well', $? == 0;
}

my $key = ftok($0, 7);
my $id = shmget($key, 5000, IPC_CREAT | IPC_EXCL | 0600);
check 'shmget', defined $id;
check 'a second with IPC_EXCL', defined shmget($key, 5000, IPC_CREAT | IPC_EXCL | 0600);
check 'too large', defined shmget($key, 50000, 0);
check 'found', shmget($key, 0, 0) == $id;
check 'shmwrite', shmwrite($id, 'from Perl', 4990, 10);
other {
    check 'shmread', shmread($id, my $read, 4990, 10);
    print 'read: ', $read =~ s/\0/./gr, "\n";
    check 'shmwrite', shmwrite($id, 'back', 0, 4);
};
check 'shmread', shmread($id, my $read, 0, 4);
print "read: $read\n";
check 'shmctl IPC_STAT', shmctl($id, IPC_STAT, my $facts);
check 'shmctl IPC_SET', shmctl($id, IPC_SET, $facts);
check 'shmctl IPC_RMID', shmctl($id, IPC_RMID, 0);
check 'gone', !shmread($id, $read, 0, 4);
print join(' ', grep { $!{$_} } keys %!), "\n";

my $memory = IPC::SharedMem->new(IPC_PRIVATE, 3000, S_IRUSR | S_IWUSR) or die "new: $!";
check 'attached', $memory->attach;
check 'written', $memory->write('object', 100, 6);
other {
    print 'read: ', $memory->read(100, 6), "\n";
    my $seen = $memory->stat;
    print 'size ', $seen->segsz, ', attaches ', $seen->nattch, ', mode ', sprintf('%o', $seen->mode), "\n";
    my $again = shmat($memory->id, undef, SHM_RDONLY);
    check 'attached by number', defined $again;
    check 'memread', memread($again, my $bytes, 100, 6);
    print "read: $bytes\n";
    check 'detached', defined shmdt($again);
};
print 'attaches ', $memory->stat->nattch, "\n";
check 'creator', $memory->stat->cpid == $$;
check 'removed', $memory->remove;
check 'still readable', $memory->read(100, 6) eq 'object';
check 'detached', $memory->detach;
