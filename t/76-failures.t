#!/usr/bin/perl
# 76-failures.t - what a failure is answered where the application has handlers of its own: raised errors, statuses, inputs
# that do not hold, crashes; in either color; and what happens when such a handler fails, or when there is none.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $server = Galley::Test->start('t/apps/failing');
my $crash = '{"by":"crash","status":500,"detail":"Internal Server Error"}';
my $plain = 'Internal Server Error';

# name, method, path, body, status, body of the answer, header fields
my @cases = (
    [ 'raised', GET => '/fail/1', undef, 409, '{"by":"ada","status":409,"detail":null}', { 'retry-after' => 7, 'x-before' => undef } ],
    [ 'raised on a thread', GET => '/thread/1', undef, 409, '{"by":"a thread","status":409,"detail":null}', { 'retry-after' => 1 } ],
    [ 'raised, and nobody answers it', GET => '/fail/2', undef, 500, $crash, { 'x-before' => undef } ],
    [ 'its handler fails', GET => '/fail/3', undef, 500, $plain, { 'content-type' => 'text/plain; charset=utf-8' } ],
    [ 'a crash', GET => '/fail/4', undef, 500, $crash, { 'x-before' => undef } ],
    [ 'a detail that is no JSON', GET => '/fail/5', undef, 500, $crash ],
    [ 'a detail that is nothing', GET => '/fail/6', undef, 500, $crash ],
    [ 'a detail in JSON', GET => '/fail/7', undef, 409, "{\"by\":\"status\",\"status\":409,\"detail\":[1,{\"b\":1.5},\"\xC3\xA5\"]}", { 'x-before' => 'kept' } ],
    [ 'a detail in JSON, from a thread', GET => '/thread/451', undef, 451, '{"by":"status","status":451,"detail":{"thread":true}}' ],
    [ 'a detail that is text', GET => '/fail/404', undef, 404, "{\"by\":\"status\",\"status\":404,\"detail\":\"of 404: \\\"\xC3\xA5\\\"\"}" ],
    [ 'a status with a handler of its own', GET => '/fail/418', undef, 418, "teapot, \"of 418: \\\"\xC3\xA5\\\"\"", { 'content-type' => 'text/plain; charset=utf-8' } ],
    [ 'a status without content', GET => '/fail/304', undef, 304, '' ],
    [ 'no such path', GET => '/nowhere', undef, 404, '{"by":"status","status":404,"detail":"Not Found"}' ],
    [ 'no such method', DELETE => '/fail/1', undef, 405, '{"by":"status","status":405,"detail":"Method Not Allowed"}', { allow => 'GET, HEAD' } ],
    [ 'too large, as declared', POST => '/echo', '{"n":' . ' ' x 100 . '1}', 413, '{"by":"status","status":413,"detail":"Content Too Large"}' ],
    [ 'not Unicode', POST => '/echo', "{\"n\":\"\xFF\"}", 400, '{"by":"status","status":400,"detail":"There was an error parsing the body"}' ],
    [ 'inputs that do not hold', GET => '/fail/x?q=10', undef, 400,
        '{"count":2,"first_loc":["path","n"],"first_type":"int_parsing","first_msg":"Input should be a valid integer, unable to parse string as an integer",'
        . '"first_input":"x","usual":{"detail":[{"type":"int_parsing","loc":["path","n"],"msg":"Input should be a valid integer, unable to parse string as an '
        . 'integer","input":"x"},{"type":"less_than_equal","loc":["query","q"],"msg":"Input should be less than or equal to 9","input":"10","ctx":{"le":9}}]}}' ],
    [ 'nothing wrong', POST => '/echo', '{"n":"5"}', 200, '{"n":5}' ],
);

for my $case (@cases) {
    my ($name, $method, $path, $body, $status, $wanted, $fields) = @$case;
    my $answer = $server->request($method, $path, defined $body ? (body => $body, headers => { 'Content-Type' => 'application/json' }) : ());
    is($answer->{status}, $status, "$name: status $status");
    is($answer->{body}, $wanted, "$name: body");
    is($answer->{headers}{$_}, $fields->{$_}, "$name: $_") for sort keys %{ $fields || {} };
}

my $chunked = $server->request(POST => '/echo', headers => { 'Content-Type' => 'application/json', 'Transfer-Encoding' => 'chunked' },
    body => "5\r\n{\"n\":\r\n64\r\n" . ' ' x 100 . "\r\n2\r\n1}\r\n0\r\n\r\n");
is($chunked->{status}, 413, 'too large, as it came: status 413');
is($chunked->{body}, '{"by":"status","status":413,"detail":"Content Too Large"}', 'too large, as it came: body');

my $log = $server->log;
like($log, qr/raised_unanswered .*fail_with raised lonely/, 'the log names what nobody answers');
like($log, qr/failure_handler_failed .*tell_cursed/, 'the log names a handler of failures that failed');
like($log, qr/detail_invalid .*fail_with/, 'the log names who gave no JSON');
like($log, qr/handler_failed .*fail_with.* ended with -5/, 'the log names a crash');
is($server->stop, 0, 'and the server ends');

done_testing();
