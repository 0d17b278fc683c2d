#!/usr/bin/perl
# 77-docs.t - a browser without a network opens the documentation, tries an operation and sees its answer.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use JSON::PP ();
use Galley::Browser;
use Galley::Test;

my $browser = Galley::Browser->start or plan skip_all => 'there is no chromium';
my $server = Galley::Test->start('t/apps/params');
my $url = $server->url;
my $has_swagger = $server->request(GET => '/docs')->{body} =~ /Swagger UI/;

# Nothing was asked of anybody else, nothing was refused by the policy, nothing was complained about.
sub page_kept_to_itself {
    my ($page) = @_;
    is_deeply([ grep { !m{^\Q$url\E/|^data:|^about:|^blob:\Q$url\E/} } $browser->requests ], [], "$page: every request went to our own origin");
    is_deeply($browser->value_of('window.breaches'), [], "$page: nothing broke the content security policy");
    is_deeply([ $browser->complaints ], [], "$page: no complaint");
    is($browser->value_of(q{new Promise((seen) => { document.addEventListener("securitypolicyviolation", (e) => seen(e.violatedDirective));
        new Image().src = "https://elsewhere.invalid/x.png"; })}), 'img-src', "$page: but an image from elsewhere would be a breach");
    is(scalar $browser->complaints, 1, "$page: and a complaint");
    $browser->forget;
    return;
}

SKIP: {
    skip 'Swagger UI could not be fetched at build', 1 if !$has_swagger;
    subtest '/docs: Swagger UI' => sub {
        $browser->open("$url/docs");
        my $block = '#operations-default-read_bin_bins__bin_id__get';
        ok($browser->wait_for('the operations', "document.querySelector('$block') !== null"), 'it shows the operations');
        like($browser->value_of('document.title'), qr/^Warehouse lookups - /, 'the title');
        is($browser->value_of("document.querySelector('.info .title').firstChild.textContent"), 'Warehouse lookups', 'the name of the service');
        ok($browser->click("$block .opblock-summary-control"), 'a click expands an operation');
        ok($browser->click("$block .try-out__btn"), 'Try it out');
        ok($browser->click("$block tr[data-param-name=bin_id] input"), 'a click into its parameter');
        $browser->type('17');
        ok($browser->click("$block button.execute"), 'Execute');
        my $answer = "$block .live-responses-table tbody";
        ok($browser->wait_for('an answer', "!!document.querySelector('$answer .response-col_status')"), 'an answer comes');
        like($browser->value_of("document.querySelector('$answer .response-col_status').textContent"), qr/^200/, 'its status');
        like($browser->value_of("document.querySelector('$answer .response-col_description').textContent"), qr/\{\s*"value":\s*17\s*\}/, 'its body');
        ok((grep { $_ eq "$url/bins/17" } $browser->requests), 'the request was made');
        like($browser->value_of("getComputedStyle(document.querySelector('$block button.execute')).backgroundColor"), qr/^rgb\((?!0, 0, 0)/, 'styles are applied');
        $browser->value_of("document.querySelector('$block').scrollIntoView()");
        $browser->screenshot(build() . '/docs.png');
        page_kept_to_itself('/docs');
    };
}
subtest '/redoc: the page to read' => sub {
    $browser->open("$url/redoc");
    my $box = '#read_bin_bins__bin_id__get';
    ok($browser->wait_for('the operations', "document.querySelector('$box') !== null"), 'it shows the operations');
    my $document = JSON::PP::decode_json($server->request(GET => '/openapi.json')->{body});
    is($browser->value_of('document.querySelectorAll(".operation").length'), scalar keys %{ $document->{paths} }, 'all of them');
    is($browser->value_of('document.querySelector("h1").firstChild.textContent'), 'Warehouse lookups', 'the name of the service');
    ok($browser->click("$box summary"), 'a click expands an operation');
    ok($browser->wait_for('it is open', "document.querySelector('$box').open"), 'it is open');
    like($browser->value_of("document.querySelector('$box table').textContent"), qr/bin_id required.*path.*integer>= 1, <= 9999/s, 'its parameter');
    like($browser->value_of("document.querySelector('#model-IntValue').textContent"), qr/value required.*integer/s, 'a model');
    $browser->screenshot(build() . '/redoc.png');
    page_kept_to_itself('/redoc');
};
$browser->stop;
is($server->stop, 0, 'the server stops with 0');

done_testing();
