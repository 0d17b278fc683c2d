#!/usr/bin/perl
# 84-wall-clock.t - the wall clock jumps by hours and days: no timeout fires early or late, nobody is taken for dead, and Date is
# right again within a second or so.
# See:      t/preload/wall_clock.c
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::Http;
use Galley::Test;
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

plan skip_all => 'valgrind takes its time' if wrapped();

my $LIMIT = 0.6 * slow();
my $LATE  = 1 * slow();    # a second, as they are a machine's own
my $dir = temp_dir();
my $path = write_file("$dir/shift", pack 'q', 0);
open my $file, '+<:raw', $path or die "$path: $!\n";

sub jump {
    my ($seconds) = @_;
    sysseek $file, 0, 0;
    syswrite $file, pack 'q', $seconds;
    return;
}

my @timeouts = map { ("--$_-timeout", 1000 * $LIMIT . 'ms') } qw(head keepalive request);
my $server = Galley::Test->start('examples/echo', args => [ @timeouts, '--hang-timeout', 10 * slow() . 's' ],
    env => { LD_PRELOAD => build() . '/t/preload/wall_clock.so', WALL_CLOCK => $path,
        ASAN_OPTIONS => join ':', $ENV{ASAN_OPTIONS} || (), 'verify_asan_link_order=0' });
my ($worker) = $server->worker_pids;
my %month = map { (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[$_] => $_ } 0 .. 11;

# How far the Date of an answer is from the server's wall clock.
sub date_error {
    my ($shift) = @_;
    my $date = $server->request(GET => '/plaintext')->{headers}{date} // return 1e9;
    return 1e9 if $date !~ /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
    return abs(timegm($6, $5, $4, $1, $month{$2}, $3) - (time + $shift));
}

sub begin {
    my ($bytes) = @_;
    my $connection = $server->connect;
    $connection->send($bytes);
    return $connection;
}

for my $shift (3600, -86_400, soak() ? 400 * 86_400 : (), 0) {
    my $slow_head = begin("GET / HTTP/1.1\r\nHost: a\r\n");
    my $idle = begin(Galley::Http::format_request(GET => '/plaintext'));
    is($idle->read_response->{status}, 200, "$shift s: an answer before it");
    my $since = time;
    my $nap = begin(Galley::Http::format_request(GET => '/sleep?ms=200'));
    my $long = begin(Galley::Http::format_request(GET => '/sleep?ms=60000'));
    jump($shift);
    for my $row ([ 'a sleep', $nap, 0.2, 200 ], [ 'a slow head', $slow_head, $LIMIT, 408 ], [ 'a request', $long, $LIMIT, 504 ]) {
        my ($name, $connection, $due, $status) = @$row;
        my $answer = $connection->read_response;
        my $took = time - $since;
        is($answer && $answer->{status}, $status, "$shift s: $name ends with $status");
        cmp_ok($took, '>', $due - 0.1, "$shift s: $name not early");
        cmp_ok($took, '<', $due + $LATE, "$shift s: $name not late");
        $connection->close;
    }
    ok($idle->is_closed($LIMIT + $LATE), "$shift s: an idle connection is closed");
    ok(wait_until("Date by $shift s", sub { date_error($shift) <= 1.5 }, 3), "$shift s: Date is right");
}
is(($server->worker_pids)[0], $worker, 'the worker is the same');
is($server->stat('worker_hangs_total'), 0, 'and was not taken for hung');
is($server->stat('worker_starts_total'), 1, 'it was started once');
jump(86_400);
is($server->stop, 0, 'stops');
done_testing;
