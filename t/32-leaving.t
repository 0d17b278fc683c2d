# 32-leaving.t - what becomes of a request whose client leaves (design: waiting, rule 6).
# Does:     shows that it is cancelled within 100 ms where that is safe, with its defers run, and finished where it is not;
#           that a request which comes together with its FIN is answered.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::Test;
use Test::More;
use Time::HiRes qw(time);

my $server = Galley::Test->start('t/apps/leaving');

sub counts { return $server->request(GET => '/counts')->{body} }

# [name, method, path, how the client leaves, cancelled?]
my @rows = (
    ['GET, FIN',                        'GET',  '/wait',  'half_close', 1],
    ['GET, RST',                        'GET',  '/wait',  'reset',      1],
    ['POST, FIN',                       'POST', '/wait',  'half_close', 0],
    ['POST, RST',                       'POST', '/wait',  'reset',      0],
    ['GET that is to finish, FIN',      'GET',  '/stay',  'half_close', 0],
    ['POST that is to be cancelled',    'POST', '/leave', 'half_close', 1],
);

my ($cancelled, $finished) = (0, 0);
for my $row (@rows) {
    my ($name, $method, $path, $leave, $is_cancelled) = @$row;
    my $ms = $is_cancelled ? 20000 : 300;
    my $connect = sub {
        my $connection = $server->connect;
        $connection->send("$method $path?ms=$ms HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        Galley::Test::wait_until("$name: waits", sub { counts() =~ /"waiting":1/ });
        return $connection;
    };
    my $before = $server->stat('requests_cancelled');
    if ($is_cancelled) {
        my $limit = 0.1 * Galley::Test::slow();
        my $took = best_of($limit, sub {
            my $connection = $connect->();
            my $left = time;
            $connection->$leave;
            ok $server->wait_stat('requests_cancelled', ++$before), "$name: cancelled";
            $cancelled++;
            return time - $left;
        });
        cmp_ok $took, '<', $limit, sprintf '%s: seen in the statistics within 100 ms (%.0f)', $name, 1000 * $took;
    } else {
        $connect->()->$leave;
        Galley::Test::wait_until("$name: ends", sub { counts() =~ /"waiting":0/ });
        is $server->stat('requests_cancelled'), $before, "$name: not cancelled";
        $finished++;
    }
    my $runs = 2 * ($cancelled + $finished);
    ok Galley::Test::wait_until("$name: defers", sub {
        counts() eq qq({"waiting":0,"cancelled":$cancelled,"finished":$finished,"defers_run":$runs})
    }), "$name: its defers have run" or diag counts();
}

{
    my $connection = $server->connect;
    $connection->send("GET /counts HTTP/1.1\r\nHost: a\r\n\r\n");
    $connection->half_close;
    is $connection->read_response->{status}, 200, 'a request and its FIN at once: answered';
}

{
    my $connection = $server->connect;
    $connection->send("GET /wait?ms=20000 HTTP/1.1\r\nHost: a\r\n\r\n");
    Galley::Test::wait_until('waits', sub { counts() =~ /"waiting":1/ });
    $connection->send("GET /counts HTTP/1.1\r\nHost: a\r\n\r\n");
    like counts(), qr/"waiting":1/, 'pipelined bytes are not a client that leaves';
    $connection->half_close;
    ok Galley::Test::wait_until('cancelled', sub { counts() =~ /"waiting":0/ }), 'FIN behind pipelined bytes is';
}

my $late = $server->request(GET => '/short?ms=20000');
is $late->{status}, 504, 'a route with a timeout: 504';
is $late->{body}, '{"detail":"Gateway Timeout"}', 'and its detail';
is $server->stat('requests_timed_out'), 1, 'counted';

is $server->stop, 0, 'stops';
done_testing;
