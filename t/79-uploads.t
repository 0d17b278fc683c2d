# 79-uploads.t - files that come with a form: where their bytes lie, and that nothing of them stays.
# Does:     sends small and large ones by length, in chunks and over HTTP/2; leaves in the middle; takes the folder of
#           temporary files away; announces more than it sends.
# See:      worker/app/form_parts.c, t/unit/worker/app/inputs.c (what is said of odd ones)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::MD5 qw(md5_hex);
use Galley::Test;
use Test::More;

my $temporary = Galley::Test::temp_dir();
my $server = Galley::Test->start('t/apps/forms', env => { TMPDIR => "$temporary" });
my ($worker) = $server->worker_pids;

my $HEAD = qq(--XbX\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n);
my $END = "\r\n--XbX--\r\n";
my @TYPE = ('Content-Type' => 'multipart/form-data; boundary=XbX');

sub descriptors { return Galley::Test::descriptors_of($worker) }
# The descriptors of the worker that are unlinked files of the folder for temporary ones.
sub spooled { return scalar grep { (readlink($_) // '') =~ m{^\Q$temporary\E/(?!valgrind_proc).* \(deleted\)$} } glob "/proc/$worker/fd/*" }
sub files { return scalar(() = glob "$temporary/*") }

# Bytes in which much looks like a delimiter.
sub content { my ($len) = @_; return substr("\r\n--Xb\r\n--XbY\r\n-\r0123456789abcdef" x ($len / 32 + 1), 0, $len) }

$server->request(GET => '/nowhere');
my $before = descriptors();

for my $row (['nothing', 0], ['one byte', 1], ['64 KiB', 65536], ['1 MiB', 1 << 20], ['1 MiB and a byte', (1 << 20) + 1], ['5 MiB', 5 << 20]) {
    my ($name, $len) = @$row;
    my $data = content($len);
    my $want = sprintf '{"filename":"big.bin","content_type":null,"size":%d,"md5":"%s"}', $len, md5_hex($data);
    my $body = $HEAD . $data . $END;
    my $path = Galley::Test::write_file("$temporary.body", $body);
    for my $way (['by length'], ['in chunks', '-H', 'Transfer-Encoding: chunked'], ['over HTTP/2', '--http2-prior-knowledge']) {
        my ($how, @options) = @$way;
        my $r = $server->curl_path('/upload', @options, '-H', join(': ', @TYPE), '-H', 'Expect:', '--data-binary', "\@$path");
        is $r->{out}, $want, "$name $how";
    }
    unlink $path;
}
ok Galley::Test::wait_until('descriptors are closed', sub { descriptors() <= $before && spooled() == 0 }), 'no descriptor stays';
is files(), 0, 'no file stays, either';

{
    my $connection = $server->connect;
    my $data = content(3 << 20);
    $connection->send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: $TYPE[1]\r\nContent-Length: 9000000\r\n\r\n$HEAD$data");
    ok Galley::Test::wait_until('a file is spooled', sub { spooled() == 1 }), 'a large file lies on disk while it comes';
    is files(), 0, 'without a name';
    $connection->reset;
    ok Galley::Test::wait_until('it is closed', sub { spooled() == 0 }), 'it is gone when the client is';
}

{
    my @connections = map { $server->connect } 1 .. 20;
    my ($resident) = Galley::Test::read_file("/proc/$worker/status") =~ /VmRSS:\s+(\d+)/;
    my $active = $server->stat('requests_active');
    for my $connection (@connections) {
        my $type = $connection == $connections[0] ? $TYPE[1] : 'application/x-www-form-urlencoded';
        $connection->send("POST /survey HTTP/1.1\r\nHost: a\r\nContent-Type: $type\r\nContent-Length: 16000000\r\n\r\n-");
    }
    ok $server->wait_stat('requests_active', $active + 20), '20 requests announce 16 MB each';
    my ($now) = Galley::Test::read_file("/proc/$worker/status") =~ /VmRSS:\s+(\d+)/;
    cmp_ok $now - $resident, '<', 4096, 'what is announced costs nothing (' . ($now - $resident) . ' KiB)';
    $_->reset for @connections;
    ok $server->wait_stat('requests_active', $active), 'they are over';
}

{
    rmdir "$temporary" or die "rmdir: $!\n";
    my $r = $server->request(POST => '/upload', headers => [[@TYPE]], body => $HEAD . content(2 << 20) . $END);
    is $r->{status}, 500, 'no folder for temporary files: 500';
    ok $server->wait_log(qr/upload_failed no temporary file: No such file or directory/), 'and the log says why';
    mkdir "$temporary" or die "mkdir: $!\n";
    $r = $server->request(POST => '/upload', headers => [[@TYPE]], body => $HEAD . content(2 << 20) . $END);
    is $r->{status}, 200, 'later it goes on';
}

$server->stop;
done_testing;
