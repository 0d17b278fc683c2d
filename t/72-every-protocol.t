#!/usr/bin/perl
# 72-every-protocol.t - every route of the example programs, by curl over HTTP/1.1, HTTP/2 over TLS and prior-knowledge HTTP/2.
use strict;
use warnings;
use lib 't/lib';
use Galley::Test;
use Test::More;

# Example => [path, further curl options, expected status, expected body].
my %ROWS = (
    drive_through => [
        ['/',                                   [],              200, qr/^<!doctype html>.*<\/html>\n$/s],
        ['/kitchen',                            [],              200, qr/^\{"orders_taken":\d+,"parts":\[\]\}$/],
        ['/orders?burgers=0&fries=0&drinks=1',  [-X => 'POST'],  200, qr/^\{"number":\d+,"burgers":0,"fries":0,"drinks":1,"ready_after_ms":\d+\}$/],
    ],
    read_results => [
        ['/results',                            [],              200, qr/^\{"status":"ok"\}$/],
        ['/results-not-awaited',                [],              200, qr/^\{"status":"notok"\}$/],
        ['/results-sync',                       [],              200, qr/^\{"status":"ok"\}$/],
        ['/results-both',                       [],              200, qr/^\{"status":"ok"\}$/],
    ],
    echo => [
        ['/',                                   [],              200, qr/^Echo: /],
        ['/',                                   ['-d' => 'as it comes'], 200, qr/^as it comes$/],
        ['/echo',                               ['-H' => 'X-Color: red'], 200, qr/^x-color: red$/mi],
        ['/cookie',                             ['-b' => 'a=1; b=2'], 200, qr/^a=1\nb=2\n$/],
        ['/sleep?ms=5',                         [],              200, qr/^awake\n$/],
        ['/bytes?n=60000',                     [],              200, qr/^[a-z0-9\n-]{60000}$/],
        ['/plaintext',                          [],              200, qr/^Hello, World!$/],
        ['/items/7?q=soup',                     [],              200, qr/^\{"item_id":7,"q":"soup"\}$/],
        ['/items/seven',                        [],              422, qr/"int_parsing"/],
    ],
    hello => [
        ['/items/7?q=soup',                     [],              200, qr/^\{"item_id":7,"q":"soup"\}$/],
    ],
);

# Name => [the server has TLS, curl option, version that curl must report].
my %PROTOCOLS = (
    'HTTP/1.1'          => [0, '--http1.1',               '1.1'],
    'HTTP/2 over TLS'   => [1, '--http2',                 '2'],
    'HTTP/1.1 over TLS' => [1, '--http1.1',               '1.1'],
    'prior knowledge'   => [0, '--http2-prior-knowledge', '2'],
);

for my $example (sort keys %ROWS) {
    for my $is_tls (0, 1) {
        my $server = Galley::Test->start("examples/$example", tls => $is_tls);
        for my $protocol (sort grep { $PROTOCOLS{$_}[0] == $is_tls } keys %PROTOCOLS) {
            my (undef, $option, $version) = @{ $PROTOCOLS{$protocol} };
            for my $row (@{ $ROWS{$example} }) {
                my ($path, $more, $status, $body) = @$row;
                my $out = $server->curl_path($path, $option, @$more, '-w', '|%{http_version} %{http_code}')->{out};
                my ($got, $line) = $out =~ /^(.*)\|([^|]*)$/s;
                my $name = "$example, $protocol: @$more $path";
                is $line, "$version $status", "$name: version and status";
                like $got, $body, "$name: body";
            }
        }
        is $server->stop, 0, "$example stops";
    }
}
done_testing;
