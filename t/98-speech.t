#!/usr/bin/perl
# 98-speech.t - examples/speech and the service it is tried with: every command line of its header, in order, as it stands.
# Does:     compares the answers; then what has no line there: a wrong key, a service that is not there, an odd audio, a long
#           one by either way, a client that leaves, and that nothing stays behind.
# See:      examples/fake_speech/fake_speech.c (its moods)
use strict;
use warnings;
use lib 't/lib';
use Galley::Test;
use Test::More;

my ($header) = Galley::Test::read_file('examples/speech.c') =~ m{\A/\*(.*?)\*/}s;
my $dir = Galley::Test::temp_dir();

# Both servers as the header starts them, but on ports and with files of this test: the settings and the application of a line.
my @servers;
push @servers, { env => $1, app => $2 } while $header =~ m{^ \*     (.*?)build/bin/galley run build/(\S+)\.so}mg;
is join(' ', map { $_->{app} } @servers), 'examples/fake_speech/fake_speech examples/speech', 'two servers';
my $fake = Galley::Test->start($servers[0]{app}, workers => 1);
my $there = sprintf 'http://127.0.0.1:%d', $fake->port;
my %settings = $servers[1]{env} =~ /(\w+)=(\S+) /g;
is $settings{SPEECH_URL}, 'http://127.0.0.1:8001', 'the one asks the other';
my $speech = Galley::Test->start($servers[1]{app}, workers => 1, env => { %settings, SPEECH_URL => $there });
my $here = sprintf 'http://127.0.0.1:%d', $speech->port;

# A line of the header as a shell runs it, at these two servers: what it printed.
sub run_line {
    my ($command) = @_;
    $command =~ s{http://127\.0\.0\.1:8000}{$here};
    $command =~ s{http://127\.0\.0\.1:8001}{$there};
    return run_command({ dir => "$dir" }, 'bash', '-c', $command)->{out};
}

my @lines = $header =~ m{^ \*     ((?:printf|curl) .*?)(?:\s{2,}(\{.*\}))?$}mg;
is scalar(@lines) / 2, 12, 'commands of the header';
while (my ($command, $answer) = splice @lines, 0, 2) {
    my $out = run_line($command);
    s/"(polls|operations)":\d+/"$1":N/ for $out, $answer // ();    # how many it were in time depends on the machine
    is $out, $answer // '', $command;
}

# ---- what the header does not show ----

sub text_of { my ($response) = @_; return "$response->{status} $response->{body}" }

my $form = { 'Content-Type' => 'multipart/form-data; boundary=x' };
my $no_audio = qq(--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n\r\n--x--\r\n);
is text_of($speech->request(POST => '/transcripts', headers => $form, body => $no_audio)),
    '400 {"detail":"the speech service: this is no speech"}', 'an empty file is the fault of the client';
is $speech->request(POST => '/transcripts?language=%22', headers => $form, body => $no_audio)->{status}, 422, 'no language';

my $long = Galley::Test::write_file("$dir/long.wav", 'x' x (5 << 20));
like run_line(q(curl -s -H 'Expect:' -F audio=@long.wav 'http://127.0.0.1:8000/transcripts')), qr/"text":"5242880 bytes of en"/,
    'five megabytes, by way of a file';
like run_line(q(curl -s -H 'Expect:' -T long.wav -X POST 'http://127.0.0.1:8000/dictations')), qr/"text":"5242880 bytes of en"/,
    'five megabytes, straight through';
like run_line(q(curl -s -H 'Expect:' -H 'Transfer-Encoding: chunked' -T audio.wav -X POST 'http://127.0.0.1:8000/dictations')),
    qr/"text":"17 bytes of en"/, 'straight through in chunks';

# A client that leaves: the remote side is told, too, as it was of the deadline above.
sub given_up { return $fake->request(PUT => '/mood')->{body} =~ /"given_up":(\d+)/ ? $1 : die 'no count' }
ok wait_until('the deadline reached the service', sub { given_up() == 1 }), 'what ran out of time was given up at the service';
$fake->request(PUT => '/mood?silent=1');
my $connection = $speech->connect;
$connection->send("POST /dictations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
ok wait_until('the service has the audio', sub { grep { ($_->{route} // '') =~ m{/v1/transcripts} } @{ $fake->rpc('coroutines')->{coroutines} } }),
    'an upload waits at the service';
$connection->reset;
ok wait_until('it is given up there', sub { given_up() == 2 }),
    'the client left: it is given up as far as the service';
is text_of($speech->request(GET => '/transcripts')), '405 {"detail":"Method Not Allowed"}', 'and the worker goes on';
ok $speech->wait_stat(coroutines_live => 0), 'no coroutine stays';

# Keys are settings of both; one that opens nothing, and a service that is not there.
my $locked = Galley::Test->start('examples/fake_speech/fake_speech', env => { FAKE_SPEECH_KEY => 'sesame' });
my %locked = (SPEECH_URL => sprintf 'http://127.0.0.1:%d', $locked->port);
my $keyed = Galley::Test->start('examples/speech', env => { %locked, SPEECH_KEY => 'sesame' });
is $keyed->request(POST => '/dictations', body => 'hello')->{status}, 200, 'another key';
is $keyed->stop, 0, 'stops';
my $keyless = Galley::Test->start('examples/speech', env => { %locked, SPEECH_KEY => 'wrong' });
is text_of($keyless->request(POST => '/dictations', body => 'hello')), '502 {"detail":"the speech service: this key opens nothing"}',
    'a wrong key is no fault of the client';
is $keyless->stop, 0, 'stops';
is $locked->stop, 0, 'stops';
is $fake->stop, 0, 'the service stops';
my $gone = $speech->request(POST => '/dictations', body => 'hello');
is text_of($gone), '503 {"detail":"Service Unavailable"}', 'a service that is gone';
ok $speech->wait_log(qr{cannot reach \Q$there}), 'and the log names it';
is $speech->stop, 0, 'stops';
done_testing;
