#!/usr/bin/perl
# 76-openapi.t - the OpenAPI documents are FastAPI's; the document and the pages are served as asked for.
use strict;
use warnings;
use lib 't/lib';
use Encode ();
use IO::Uncompress::Gunzip ();
use JSON::PP ();
use Test::More;
use Galley::Test;

my $apps = build() . '/t/apps';
my $dir = temp_dir();

# ---- the documents, beside FastAPI's for the same declarations ----
SKIP: {
    skip 'there is no python3', 5 if run_command('sh', '-c', 'command -v python3')->{status};
    for my $name (qw(params bodies errors forms schemas)) {
        my $document = galley_command('openapi', "$apps/$name.so");
        is($document->{err}, '', "$name: printed") or next;
        write_file("$dir/$name.json", $document->{out});
        my $diff = run_command('python3', 't/oracle/openapi-diff', "t/oracle/cases/$name.openapi.json", "$dir/$name.json");
        like($diff->{out}, qr/^[1-9]\d* passed, 0 failed\n\z/m, "$name: equal to FastAPI's") or diag($diff->{out});
        write_file("$dir/wrong.json", $document->{out} =~ s/"title":"/"title":"x/r);
        isnt(run_command('python3', 't/oracle/openapi-diff', "t/oracle/cases/$name.openapi.json", "$dir/wrong.json")->{status}, 0,
            "$name: a title that is not FastAPI's is seen");
    }
}

# ---- galley openapi, galley routes ----
my @wrong = (
    [ [ 'openapi' ], 2, qr/^galley: which application\? Name its shared object\nusage: galley openapi APP/ ],
    [ [ 'openapi', '--yaml', 'x' ], 2, qr/^galley: unknown option '--yaml'/ ],
    [ [ 'openapi', 'a', 'b' ], 2, qr/^galley: unexpected argument 'b'/ ],
    [ [ 'openapi', "$dir/none.so" ], 1, qr/none\.so/ ],
    [ [ 'openapi', "$apps/bad_route.so" ], 1, qr{bad_route\.c:\d+: GET /items/} ],
    [ [ 'routes' ], 2, qr/^galley: which application\?/ ],
    [ [ 'routes', '--jso', 'x' ], 2, qr/did you mean '--json'\?/ ],
    [ [ 'routes', "$apps/bad_route.so" ], 1, qr{bad_route\.c:\d+: GET /items/} ],
    [ [ 'check', "$apps/bad_docs_path.so" ], 1,
        qr{bad_docs_path\.c:\d+: GET /docs: the documentation is served there; choose another docs_path in GALLEY_APP, or "" for none} ],
    [ [ 'check', "$apps/bad_two_names.so" ], 1,
        qr{struct \w+ \(\S*bad_two_names\.c:\d+\) and struct \w+ \(\S*bad_two_names\.c:\d+\) are both OrderLine in the OpenAPI document: .*wire_name} ],
);
for my $case (@wrong) {
    my ($arguments, $status, $said) = @$case;
    my $got = galley_command(@$arguments);
    is($got->{status}, $status, "@$arguments: exit status");
    like($got->{err}, $said, "@$arguments: the sentence");
    is($got->{out}, '', "@$arguments: nothing else");
}
my $routes = galley_command('routes', "$apps/schemas.so");
like($routes->{out}, qr{^METHOD +PATH +HANDLER +FILE +LINE\nPOST +/everything +everything +\S*schemas\.c +\d+\n}, 'galley routes is a table');
like($routes->{out}, qr{^GET +/hidden +hidden }m, 'with what is not in the document');
my $list = JSON::PP::decode_json(galley_command('routes', '--json', "$apps/schemas.so")->{out});
is_deeply([ @{ $list->[0] }{qw(method path name async hidden)} ], [ 'POST', '/everything', 'everything', JSON::PP::true(), JSON::PP::false() ],
    'galley routes --json');

# ---- what is served ----
my $CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    . "form-action 'none'; frame-ancestors 'none'";

# A page's own parts, each fetched: nothing it names is elsewhere.
sub page_is_whole {
    my ($server, $path, $title) = @_;
    my $page = $server->request(GET => $path);
    is($page->{status}, 200, "$path: status");
    is($page->{headers}{'content-type'}, 'text/html; charset=utf-8', "$path: type");
    is($page->{headers}{'content-security-policy'}, $CSP, "$path: content security policy");
    like($page->{body}, qr{<title>\Q$title\E - (?:Swagger UI|Reference)</title>}, "$path: title");
    unlike($page->{body}, qr{//|<script>|<style|\son\w+=}, "$path: no other origin, nothing inline");
    my @parts = $page->{body} =~ /(?:src|href)="([^"]*)"/g;
    cmp_ok(scalar @parts, '>=', 3, "$path: parts");
    for my $part (grep { !/^data:/ } @parts) {
        my $got = $server->request(GET => $part);
        is($got->{status}, 200, "$part: status");
        like($got->{headers}{'content-type'}, $part =~ /\.css/ ? qr{^text/css} : qr{^text/javascript}, "$part: type");
        is($got->{headers}{'x-content-type-options'}, 'nosniff', "$part: nothing is guessed");
        my $text = $got->{body};
        if (($got->{headers}{'content-encoding'} // '') eq 'gzip') {
            IO::Uncompress::Gunzip::gunzip(\$got->{body}, \$text) or fail("$part: gzip");
            for my $case ([ 'gzip', 200 ], [ 'br, gzip;q=0.5', 200 ], [ '*', 200 ], [ 'br', 406 ], [ 'gzip;q=0', 406 ], [ 'identity', 406 ], [ '', 406 ]) {
                is($server->request(GET => $part, headers => [ [ 'Accept-Encoding', $case->[0] ] ])->{status}, $case->[1],
                    "$part: for a client that takes '$case->[0]'");
            }
        }
        cmp_ok(length $text, '>', 300, "$part: is there");
    }
    return;
}

{
    my $server = Galley::Test->start('t/apps/schemas', unix => 1);
    like($server->serving, qr/, docs at \/docs$/, 'the serving line says where');
    my $document = $server->request(GET => '/openapi.json');
    is($document->{status}, 200, '/openapi.json: status');
    is($document->{headers}{'content-type'}, 'application/json', '/openapi.json: type');
    is("$document->{body}\n", galley_command('openapi', "$apps/schemas.so")->{out}, '/openapi.json is what galley openapi prints');
    unlike($document->{body}, qr/"\/(?:hidden|docs|redoc|openapi\.json)"/, 'no hidden route is in it');
    is($server->request(HEAD => '/openapi.json')->{headers}{'content-length'}, length $document->{body}, 'HEAD');
    my $post = $server->request(POST => '/openapi.json');
    is("$post->{status} $post->{headers}{allow}", '405 GET, HEAD', 'POST to the document');
    page_is_whole($server, '/docs', 'Schemas');
    page_is_whole($server, '/redoc', 'Schemas');
    is($server->stop, 0, 'stops with 0');
}
{
    my $server = Galley::Test->start('t/apps/docs_elsewhere', unix => 1);
    like($server->serving, qr/, docs at \/api\/$/, 'elsewhere: the serving line says where');
    is($server->request(GET => '/api/v1/schema')->{headers}{'content-type'}, 'application/json', 'elsewhere: the document');
    page_is_whole($server, '/api/', 'Fish &amp; &lt;Chips> &quot;Bar&quot;');
    is($server->request(GET => $_)->{body}, 'the application', "elsewhere: $_ is the application's own") for qw(/docs /redoc /api);
    is($server->request(GET => '/openapi.json')->{status}, 404, 'elsewhere: nothing at the usual place');
    is($server->stop, 0, 'stops with 0');
}
{
    my $server = Galley::Test->start('t/apps/docs_off', unix => 1);
    unlike($server->serving, qr/docs/, 'off: the serving line does not mention it');
    is($server->request(GET => '/docs')->{body}, 'the application', "off: /docs is the application's own");
    is($server->request(GET => $_)->{status}, 404, "off: no $_") for qw(/openapi.json /redoc);
    like(galley_command('openapi', "$apps/docs_off.so")->{out}, qr{"/docs":}, 'off: galley openapi prints it all the same');
    is($server->stop, 0, 'stops with 0');
}

# ---- Swagger UI is what it was when it was chosen, or is left out ----
{
    my $bin = "$dir/bin";
    mkdir $bin;
    for my $case ([ 'that brings something else', "#!/bin/sh\necho x >swagger-ui-dist-5.35.0.tgz\n", qr/the hash of swagger-ui-dist/ ],
        [ 'that fails', "#!/bin/sh\necho no registry; exit 1\n", qr/npm pack failed: no registry/ ]) {
        my ($name, $script, $said) = @$case;
        chmod 0755, write_file("$bin/npm", $script);
        my $got = run_command({ env => { PATH => "$bin:$ENV{PATH}" } }, 'scripts/fetch-swagger-ui', "$dir/ui");
        is($got->{status}, 0, "an npm $name: the build goes on");
        like($got->{err}, $said, "an npm $name: and says why");
        like($got->{err}, qr/: \/docs will be a page of Galley's own$/m, "an npm $name: and what follows");
        ok(-e "$dir/ui/$_" && -z _, "an npm $name: $_ is empty") for qw(swagger-ui-bundle.js.gz swagger-ui.css.gz version);
        is_deeply([ glob "$dir/ui/fetch.*" ], [], "an npm $name: nothing is left lying about");
    }
}

done_testing();
