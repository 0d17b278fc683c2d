#!/usr/bin/perl
# 85-log-full.t - log files that take no more, by a limit of the process: requests are answered, lost lines counted, nobody ends.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::Test;
use Test::More;

plan skip_all => "valgrind writes files of its own" if wrapped();

my $FILE_BYTES = 8_000;
my $dir = temp_dir();
my $server = Galley::Test->start('examples/echo', wrap => "prlimit --fsize=$FILE_BYTES",
    args => [ '--access-log', "$dir/access" ]);
my ($worker) = $server->worker_pids;
my %came;
for (1 .. 300) {
    my $answer = eval { $server->request(GET => '/plaintext') };
    $came{ $answer ? $answer->{status} : 'none' }++;
}
is_deeply(\%came, { 200 => 300 }, 'all requests are answered');
ok(wait_until('the log is full', sub { -s "$dir/access" >= $FILE_BYTES - 200 }), 'though the access log is full');
cmp_ok(-s "$dir/access", '<=', $FILE_BYTES, 'and no larger than it may be');
ok($server->wait_stat(log_lost_total => sub { $_[0] > 0 }), 'lost lines are counted');
is(($server->worker_pids)[0], $worker, 'the worker is the same');
rename "$dir/access", "$dir/access.1";
$server->signal('USR1');
ok(wait_until('a new log', sub { -e "$dir/access" }), 'a new log is begun');
ok(wait_until('a line in it', sub { $server->request(GET => '/plaintext'); -s "$dir/access" }), 'and written');
is($server->stop, 0, 'stops');
done_testing;
