#!/usr/bin/perl
# 78-tutorial.t - the tutorial is true: its code is that of the programs beside it, which answer what the pages show.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Test::More;
use Galley::Test;
use Galley::Redis;

my $folder = 'docs/tutorial';
my (%shown, %remotes, $server, $program);

# The lines of a block, all of them further left than in the program by the same blanks.
sub is_part_of {
    my ($block, $source) = @_;
    my ($first, @rest) = split /\n/, $block;
    while ($source =~ /^( *)\Q$first\E\n/mg) {
        my ($indent, $at) = ($1, pos $source);
        my $expected = join '', map { length ? "$indent$_\n" : "\n" } @rest;
        return 1 if substr($source, $at, length $expected) eq $expected;
    }
    return 0;
}

sub serve {
    my ($name) = @_;
    return $server if $program && $program eq $name;
    is($server->stop, 0, "$program stops") if $server;
    $program = $name;
    my $redis = $name =~ /redis/ ? ($remotes{redis} //= Galley::Redis->start) : undef;
    return $server = Galley::Test->start("$folder/$name", env => { $redis ? (REDIS_URL => $redis->url) : () });
}

# What the pages show of an answer, whenever it was: one date for all, no carriage returns.
sub as_shown {
    my ($text) = @_;
    $text =~ s/\r//g;
    $text =~ s/^date: .*$/date: .../mg;
    return $text =~ s/\n*\z/\n/r;
}

sub check_session {
    my ($page, $name, $block) = @_;
    my @exchanges = split /^(?=\$ )/m, $block;
    for my $exchange (@exchanges) {
        my ($command, $answer) = $exchange =~ /\A\$ ([^\n]*)\n(.*)\z/s;
        my $authority = serve($name)->url =~ s{^http://}{}r;
        my $got = run_command({ dir => build() . "/$folder" }, 'sh', '-c', $command =~ s{localhost:8000}{$authority}gr);
        is($got->{status}, 0, "$page: $command: it works") or diag($got->{err});
        is(as_shown($got->{out}), as_shown($answer), "$page: $command");
    }
    return scalar @exchanges;
}

sub check_document {
    my ($page, $name, $path, $block) = @_;
    my $url = serve($name)->url;
    my $source = read_file("$folder/$name.c");
    my ($where) = $source =~ /\.openapi_path = "([^"]+)"/;
    my $document = eval { JSON::PP::decode_json($server->request(GET => $where // '/openapi.json')->{body}) };
    for my $key (split ' ', $path) {
        $document = ref $document ? $document->{$key} : undef;
    }
    is_deeply($document, eval { JSON::PP::decode_json($block) } // $@, "$page: the document at $path");
    return;
}

my @pages = grep { !/README/ } glob "$folder/*.md";
cmp_ok(scalar @pages, '>=', 25, 'there are pages');
for my $file (@pages) {
    my ($page) = $file =~ m{([^/]+)\.md$};
    my ($text, $source, $count) = (read_file($file), $page, 0);
    serve($page);
    while ($text =~ /^(?:<!-- (\S+)\.c -->|```(\w+)(?: openapi ([^\n]*))?\n(.*?)^```)$/msg) {
        my ($switch, $kind, $path, $block) = ($1, $2, $3, $4);
        if ($switch) {
            $source = $switch;
            next;
        }
        my $serves = $source =~ /-test$/ ? $page : $source;
        if ($kind eq 'c') {
            ok(is_part_of($block, read_file("$folder/$source.c")), "$page: " . (split /\n/, $block)[0] . " is in $source.c") or diag($block);
            $shown{"$folder/$source.c"}++;
        } elsif ($kind eq 'console') {
            $count += check_session($page, $serves, $block);
        } elsif ($kind eq 'json') {
            check_document($page, $serves, $path, $block);
            $count++;
        } else {
            ok(-e "$folder/$_.c", "$page: $_.c exists") for $block =~ /(\S+)\.(?:c|so)\b/g;
        }
    }
    cmp_ok($count, '>', 0, "$page shows answers");
    ok(-e "$folder/$_", "$page: $_ exists") for $text =~ /\]\(([^):#]+)\)/g;
}
is($server->stop, 0, 'the last one stops');
ok($shown{$_}, "$_ is shown") for glob "$folder/*.c";

my $index = read_file("$folder/README.md");
is_deeply([ $index =~ /^\| \[\S+\]\((\S+\.md)\)/mg ], [ map { m{([^/]+)$} } @pages ], 'the index has every page, in order');
done_testing;
