#!/usr/bin/perl
# 83-full.t - a worker that has no descriptor left, and one that does not accept for a while.
# Does:     more clients than descriptors: who is served already goes on to be, the worker rests, the log stays short, and as soon
#           as there is room new clients are served; more connections than the backlog holds while the worker stands still.
# Soak:     5,000 connections for the backlog.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::Http;
use Galley::Test;
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOCK_STREAM);
use Test::More;
use Time::HiRes qw(time);

my $GET = Galley::Http::format_request(GET => '/plaintext');

# Seconds of CPU time that a process has had.
sub cpu_s {
    my ($pid) = @_;
    my @fields = split ' ', read_file("/proc/$pid/stat") =~ s/^.*\) //r;
    return ($fields[11] + $fields[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# ---- no descriptor left ----
SKIP: {
    skip 'a tool needs descriptors of its own', 1 if wrapped();
    my $limit = 64;
    my $server = Galley::Test->start('examples/echo', wrap => "prlimit --nofile=$limit:$limit");
    my ($worker) = $server->worker_pids;
    my @served = map { $server->connect } 1 .. 5;
    is($_->request(GET => '/plaintext')->{status}, 200, 'served') for @served;
    my @more = map { $server->connect } 1 .. 120;    # the kernel takes those in that the worker cannot
    ok($server->wait_log(qr/accept_paused/), 'it is full, and says so');
    my ($cpu, $lines, $since) = (cpu_s($worker), scalar(() = $server->log =~ /\n/g), time);
    my $wrong = 0;
    while (time < $since + 1) {    # how long it is full is the case
        for my $connection (@served) {
            my $answer = $connection->request(GET => '/sleep?ms=20');
            $wrong++ if !$answer || $answer->{status} != 200;
        }
    }
    my $took = time - $since;
    is($wrong, 0, 'who was there before is answered');
    cmp_ok((cpu_s($worker) - $cpu) / $took, '<', 0.2, 'the worker does not turn and turn');
    cmp_ok((() = $server->log =~ /\n/g) - $lines, '<=', 2 * $took + 1, 'at most two lines a second');
    $_->close for @more;
    my $room = 0.5 * slow();
    cmp_ok(best_of($room, sub {
        my @again = map { $server->connect } 1 .. 120;
        $_->close for @again;
        my $from = time;
        my $answer = $server->request(GET => '/plaintext');
        return $answer->{status} == 200 ? time - $from : 9;
    }), '<', $room, 'within half a second');
    is($server->request(GET => '/plaintext')->{status}, 200, 'and again');
    is(($server->worker_pids)[0], $worker, 'by the same worker');
    $_->close for @served;
    ok($server->wait_stat(connections_open => 0), 'nothing is left');
    is($server->stop, 0, 'stops');
}

# ---- more connections than the backlog holds, while the worker stands still ----
{
    my $server = Galley::Test->start('examples/echo', config => "hang_timeout = 1m\n");
    my ($worker) = $server->worker_pids;
    my $wanted = soak() ? 5_000 : 600;
    kill STOP => $worker;
    my @clients;
    for (1 .. $wanted) {
        my $socket = IO::Socket::INET->new(Proto => 'tcp', Type => SOCK_STREAM, Blocking => 0) // last;
        connect $socket, Socket::pack_sockaddr_in($server->port, Socket::inet_aton('127.0.0.1'));
        syswrite $socket, $GET if IO::Select->new($socket)->can_write(0);
        push @clients, $socket;
    }
    my @taken = grep { defined $_->peerport } @clients;    # connected, as far as the client knows
    kill CONT => $worker;
    cmp_ok(scalar @taken, '>', 100, scalar(@taken) . ' of ' . @clients . ' are connected while the worker stands still');
    my ($answered, $lost) = (0, 0);
    for my $socket (@taken) {
        my $connection = Galley::Http->connect(handle => $socket);
        my $answer = eval { $connection->read_response };
        $answer && $answer->{status} == 200 ? $answered++ : $lost++;
        $connection->close;
    }
    is($lost, 0, "then $answered of them are answered");
    close $_ for @clients;
    is($server->request(GET => '/plaintext')->{status}, 200, 'new ones, too');
    is(($server->worker_pids)[0], $worker, 'by the same worker');
    is($server->stop, 0, 'stops');
}
done_testing;
