# Browser.pm - a headless Chromium that reaches 127.0.0.1 and nothing else, driven by its DevTools protocol over a pipe.
# Does:     open a page, look at it, move the mouse, type, take a picture; remember every address that was asked for, every
#           complaint of the console and every breach of the content security policy.
# Does not: sleep: it waits until something in the page is true, or for the browser's next word.
#
#     my $browser = Galley::Browser->start or plan skip_all => 'there is no chromium';
#     $browser->open('http://127.0.0.1:8000/docs');
#     $browser->wait_for('the title', 'document.title');
package Galley::Browser;
use strict;
use warnings;
use IO::Handle;
use IO::Select;
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();
use Time::HiRes qw(time);
use Galley::Test;

$SIG{PIPE} = 'IGNORE';    # a browser that is gone is told by the end of its output
my $json = JSON::PP->new->utf8->allow_nonref;

# undef where there is no browser.
sub start {
    my ($class) = @_;
    my ($program) = grep { -x } map { my $dir = $_; map { "$dir/$_" } qw(chromium chromium-browser google-chrome) } split /:/, $ENV{PATH};
    return undef if !$program;
    my $self = bless { dir => temp_dir(), next_id => 1, buffer => '', requests => [], complaints => [] }, $class;
    pipe my $their_in, my $our_out or die "pipe: $!\n";
    pipe my $our_in, my $their_out or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setpgid(0, 0);
        # The browser reads from 3 and writes to 4, which may be among the pipes now.
        POSIX::dup2(fileno $their_in, 20);
        POSIX::dup2(fileno $their_out, 21);
        CORE::open STDIN,  '<', '/dev/null' or POSIX::_exit(126);
        CORE::open STDOUT, '>', "$self->{dir}/log" or POSIX::_exit(126);
        CORE::open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        POSIX::dup2(20, 3);
        POSIX::dup2(21, 4);
        POSIX::close($_) for 20, 21;
        exec { $program } $program, '--headless=new', '--remote-debugging-pipe', "--user-data-dir=$self->{dir}/profile",
            '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--no-proxy-server', '--disable-background-networking',
            '--disable-component-update', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--no-default-browser-check',
            '--window-size=1280,1600', ($> == 0 ? '--no-sandbox' : ()), 'about:blank' or POSIX::_exit(127);
    }
    @$self{qw(pid in out)} = ($pid, $our_in, $our_out);
    $our_out->autoflush(1);
    $self->{owner} = $$;
    my $target = $self->call('Target.createTarget', { url => 'about:blank' })->{targetId};
    $self->{session} = $self->call('Target.attachToTarget', { targetId => $target, flatten => JSON::PP::true() })->{sessionId};
    $self->call("$_.enable") for qw(Page Runtime Network Log);
    $self->call('Page.addScriptToEvaluateOnNewDocument', { source => q{
        window.breaches = [];
        document.addEventListener("securitypolicyviolation", (e) => breaches.push(e.violatedDirective + " " + e.blockedURI));
    } });
    return $self;
}

# The next message: one to whom it may concern is kept.
sub receive {
    my ($self, $deadline) = @_;
    my $end;
    while (($end = index $self->{buffer}, "\0") < 0) {
        my $left = $deadline - time;
        die "the browser says nothing\n" . read_file("$self->{dir}/log") if $left <= 0 || !IO::Select->new($self->{in})->can_read($left);
        sysread $self->{in}, $self->{buffer}, 1 << 20, length $self->{buffer} or die "the browser is gone\n" . read_file("$self->{dir}/log");
    }
    my $message = $json->decode(substr $self->{buffer}, 0, $end);
    substr $self->{buffer}, 0, $end + 1, '';
    my ($method, $params) = @$message{qw(method params)};
    return $message if !$method;
    push @{ $self->{requests} }, $params->{request}{url} if $method eq 'Network.requestWillBeSent';
    push @{ $self->{complaints} }, $params->{entry}{text} if $method eq 'Log.entryAdded' && $params->{entry}{level} eq 'error';
    push @{ $self->{complaints} }, $params->{exceptionDetails}{text} if $method eq 'Runtime.exceptionThrown';
    return $message;
}

# A command of the protocol: its result.
sub call {
    my ($self, $method, $params) = @_;
    my $id = $self->{next_id}++;
    my $message = $json->encode({ id => $id, method => $method, params => $params || {}, ($self->{session} ? (sessionId => $self->{session}) : ()) });
    print { $self->{out} } "$message\0" or die "the browser is gone\n";
    my $deadline = time + 30 * slow();
    while (1) {
        my $answer = $self->receive($deadline);
        next if ($answer->{id} // 0) != $id;
        die "$method: $answer->{error}{message}\n" if $answer->{error};
        return $answer->{result};
    }
}

# What an expression of JavaScript is.
sub value_of {
    my ($self, $expression) = @_;
    my $got = $self->call('Runtime.evaluate', { expression => $expression, returnByValue => JSON::PP::true(), awaitPromise => JSON::PP::true() });
    die "$expression: $got->{exceptionDetails}{exception}{description}\n" if $got->{exceptionDetails};
    return $got->{result}{value};
}

sub open {
    my ($self, $url) = @_;
    $self->call('Page.navigate', { url => $url });
    return;
}

# Until the expression is true: its value; 0 and a diagnosis when it never becomes so.
sub wait_for {
    my ($self, $what, $expression) = @_;
    return wait_until($what, sub { $self->value_of($expression) }, 30);
}

# A click of the mouse into the middle of the first element that the selector finds, once it is there; whether it was.
sub click {
    my ($self, $selector) = @_;
    my $quoted = $json->encode($selector);
    $self->wait_for("there is $selector", "!!document.querySelector($quoted)") or return 0;
    my $at = $self->value_of("(() => { const e = document.querySelector($quoted); e.scrollIntoView({ block: 'center', behavior: 'instant' });"
            . ' const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()');
    $self->call('Input.dispatchMouseEvent', { type => $_, x => $at->[0], y => $at->[1], button => 'left', clickCount => 1 })
        for qw(mousePressed mouseReleased);
    return 1;
}

# Type into what has the focus.
sub type {
    my ($self, $text) = @_;
    $self->call('Input.insertText', { text => $text });
    return;
}

sub screenshot {
    my ($self, $file) = @_;
    write_file($file, MIME::Base64::decode_base64($self->call('Page.captureScreenshot', { format => 'png' })->{data}));
    return;
}

sub requests   { return @{ $_[0]{requests} } }
sub complaints { return @{ $_[0]{complaints} } }
sub forget     { @{ $_[0] }{qw(requests complaints)} = ([], []) }

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    return if $$ != $self->{owner};
    eval { print { $self->{out} } $json->encode({ id => $self->{next_id}++, method => 'Browser.close' }) . "\0" };
    close $self->{out};
    kill KILL => -$pid if !defined Galley::Test::reap($pid, 10);
    waitpid $pid, 0;
    return;
}
sub DESTROY { local ($?, $@, $!); $_[0]->stop }

1;
