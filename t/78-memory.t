# 78-memory.t - an input of N bytes costs a worker no more than 10 N + 64 KiB, seen from outside.
# Does:     sends hostile and usual bodies to t/apps/greedy.c, and reads the highest resident size of the worker, which is
#           set back before each (Linux, /proc/PID/clear_refs).
# Does not: count allocations: t/unit/worker/app/memory.c does.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::Test;
use Test::More;

plan skip_all => 'a sanitizer has memory of its own' if build() =~ m{/asan$};
plan skip_all => 'the worker runs within another program' if wrapped();

my $server = Galley::Test->start('t/apps/greedy');
my ($worker) = $server->worker_pids;

# kB of the worker: VmRSS now, VmHWM at most since it was set back.
sub memory {
    my ($what) = @_;
    my ($kb) = read_file("/proc/$worker/status") =~ /^$what:\s+(\d+) kB/m;
    return $kb;
}
sub set_back {
    open my $refs, '>', "/proc/$worker/clear_refs" or return 0;
    print $refs "5\n";
    return close $refs;
}
plan skip_all => 'the highest resident size cannot be set back here' if !set_back();

my $PART = qq(--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n);
my $FILE = qq(--b\r\nContent-Disposition: form-data; name="files"; filename="f"\r\n\r\n);
my ($JSON, $FORM, $PARTS) = ('application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=b');

# name, path, content type, head, what repeats, tail, statuses that may come
my @rows = (
    ['ints', 'ints', $JSON, '[', '1,', '1]', 200],
    ['strings', 'strings', $JSON, '[', '"",', '""]', 200],
    ['strings, escaped', 'strings', $JSON, '[', '"\\u00e9",', '""]', 200],
    ['small objects', 'smalls', $JSON, '[', '{"a":1,"b":"x"},', '{"a":1,"b":""}]', 200],
    ['fat objects', 'fats', $JSON, '[', '{},', '{}]', 413],
    ['nested lists', 'rows', $JSON, '[', '[1],', '[]]', '200|413'],
    ['deep', 'any', $JSON, '', '[', '', 400],
    ['a map, one key', 'int_map', $JSON, '{', '"a":1,', '"a":1}', '200|413'],
    ['a map, bad', 'int_map', $JSON, '{', '"a":[],', '"a":[]}', '413|422'],
    ['many problems', 'smalls', $JSON, '[', '0,', '0]', 422],
    ['many missing', 'stricts', $JSON, '[', '{},', '{}]', 422],
    ['unknown keys', 'one_strict', $JSON, '{"n":1,', '"k":1,', '"k":1}', 422],
    ['a wrong object', 'ints', $JSON, '{', '"":1,', '"":1}', 422],
    ['a wrong list of floats', 'text', $JSON, '[', '1e9,', '1]', 422],
    ['a text', 'text', 'text/plain', '', "\x01", '', 200],
    ['a form', 'form', $FORM, 'a=', '%01', '', '200|400|413'],
    ['a form, wrong', 'form', $FORM, 'a=1&n=', '%01', '', '400|413|422'],
    ['too many fields', 'form', $FORM, 'a=1', '&tags=', '', 400],
    ['too many parts', 'files', $PARTS, '', "${FILE}x\r\n", "--b--\r\n", 400],
    ['a large file', 'files', $PARTS, $FILE, 'x', "\r\n--b--\r\n", 200],
    ['a large field', 'form', $PARTS, sprintf($PART, 'a'), "\xe5", "\r\n--b--\r\n", '200|400|413'],
);

sub make {
    my ($row, $size) = @_;
    my (undef, undef, undef, $head, $unit, $tail) = @$row;
    my $count = int(($size - length($head) - length $tail) / length $unit);
    return $head . $unit x $count . $tail;
}

sub ask {
    my ($row, $body) = @_;
    return $server->request(POST => "/$row->[1]", headers => { 'Content-Type' => $row->[2] }, body => $body);
}

# Pages of code that are touched for the first time, and of the heap that all requests share.
ask($_, make($_, 2_000)) for @rows;
my $before = memory('VmRSS');
my ($worst, $worst_name) = (0, '');
for my $size (300_000, 1_500_000) {
    for my $row (@rows) {
        my $body = make($row, $size);
        set_back();
        my $answer = ask($row, $body);
        my $cost = (memory('VmHWM') - $before) * 1024;
        like($answer->{status}, qr/^(?:$row->[6])$/, "$row->[0]: status");
        my $allowed = 10 * length($body) + 64 * 1024;
        my $share = 100 * $cost / $allowed;
        ($worst, $worst_name) = ($share, "$row->[0], $size bytes") if $share > $worst;
        cmp_ok($cost, '<=', $allowed, sprintf '%s: %d bytes cost %d (%.1f times)', $row->[0], length $body, $cost, $cost / length $body);
    }
}
note(sprintf 'the most: %.0f %% of what is allowed (%s)', $worst, $worst_name);
is($server->stop, 0, 'stops');
done_testing;
