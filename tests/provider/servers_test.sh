#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nginx and Apache httpd serve TLS with a key of a token: workers are www-data, the PIN file is root's alone, and both are
# told to reload while clients come. Every handshake is counted; clients have no provider.
# the folder of the test is one that www-data can reach
export TMPDIR=/tmp
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$(id -u)" -eq 0 ] || die 'wants root: servers start as root, and serve as www-data'
provider_rig
server=
finish() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null && tail --pid="$server" -f /dev/null; } || true
    rm -rf "$work"
}
trap finish EXIT

for type in P-256 RSA-2048; do
    keygen release "$type" "$type"
    cert root "$token;object=$type" "CN=Root $type" "root-$type.pem"
    keygen release "leaf-$type" "$type"
    cert leaf "$token;object=leaf-$type" "CN=Leaf $type" "leaf-$type.pem" --issuer-key "$token;object=$type" \
        --issuer-cert "root-$type.pem" --eku 1.3.6.1.5.5.7.3.1
    "$sigbridge" provider wrap -q "$token;object=leaf-$type;type=private" -o "leaf-$type.key"
done
chown -R www-data "$work/tokens"
chmod 755 "$work"
is "$(stat -c '%U %a' pin)" 'root 600'
export OPENSSL_CONF_OF_SERVER=$work/with-pin.cnf

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

await() { # PORT PID-FILE
    for _ in $(seq 100); do
        if (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null && [ -s "$2" ]; then
            server=$(cat "$2")
            return
        fi
        sleep 0.1
    done
    die "no server on port $1: $(cat server.log 2>/dev/null)"
}

# shakes COUNT PORT TYPE: handshakes one after the other, of which none may fail.
shakes() {
    local i
    for i in $(seq "$1"); do
        OPENSSL_CONF=/dev/null timeout 20 openssl s_client -connect "127.0.0.1:$2" -CAfile "root-$3.pem" -verify_return_error \
            </dev/null >client.out 2>client.err || die "handshake $i of $1 ($3): $(cat client.err server.log)"
        has client.out 'Verify return code: 0 (ok)'
    done
}

# shakes_until FILE PORT TYPE: handshakes until the file is there, a line in FILE.count for each.
shakes_until() {
    until [ -e "$1" ]; do
        shakes 1 "$2" "$3"
        echo >>"$1.count"
    done
}

workers() { pgrep -P "$server" -u www-data | sort; }

# None of these is a worker any more, and there are others.
await_other_workers() { # PIDS
    for _ in $(seq 200); do
        if [ -n "$(workers)" ] && [ -z "$(comm -12 <(echo "$1") <(workers))" ]; then return; fi
        sleep 0.1
    done
    die "the workers are those of before: $1"
}

count_of() { wc -l <"$1.count"; }

# Reloads three times while clients come, each time until other workers serve and more of them came; then more clients.
reload_under_load() { # TYPE PORT RELOAD-COMMAND...
    local type=$1 port=$2 load before came
    shift 2
    rm -f over
    : >over.count
    shakes_until over "$port" "$type" &
    load=$!
    for _ in 1 2 3; do
        before=$(workers)
        came=$(count_of over)
        "$@" >>reload.log 2>&1 || die "$*: $(cat reload.log)"
        await_other_workers "$before"
        while kill -0 "$load" 2>/dev/null && [ "$(count_of over)" -lt $((came + 10)) ]; do sleep 0.1; done
    done
    touch over
    wait "$load" || die 'a handshake failed while the server was told to reload'
    [ "$(count_of over)" -ge 30 ] || die "$(count_of over) clients came while the server was told to reload"
    shakes 10 "$port" "$type"
}

stop() {
    kill "$server"
    for _ in $(seq 100); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$server" 2>/dev/null; then die 'the server does not end'; fi
    server=
}

# The server listens before it starts its workers.
workers_are_www_data() { # NAME
    for _ in $(seq 100); do
        pgrep -P "$server" -u www-data >/dev/null && return
        sleep 0.1
    done
    die "no worker of $1 is www-data"
}

for type in P-256 RSA-2048; do
    # ---- nginx ----

    port=$(free_port)
    mkdir -p nginx
    cat >nginx.conf <<CONF
user www-data;
worker_processes 2;
pid $work/nginx.pid;
error_log $work/server.log;
env SOFTHSM2_CONF;
env OPENSSL_CONF;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $work/nginx; proxy_temp_path $work/nginx; fastcgi_temp_path $work/nginx;
    uwsgi_temp_path $work/nginx; scgi_temp_path $work/nginx;
    server {
        listen 127.0.0.1:$port ssl;
        ssl_session_cache off;
        ssl_certificate $work/leaf-$type.pem;
        ssl_certificate_key $work/leaf-$type.key;
        location / { return 200 "served\\n"; }
    }
}
CONF
    OPENSSL_CONF=$OPENSSL_CONF_OF_SERVER nginx -c "$work/nginx.conf" 2>server.err || die "nginx: $(cat server.err)"
    await "$port" nginx.pid
    workers_are_www_data nginx
    shakes 20 "$port" "$type"
    is "$(curl -s --cacert "root-$type.pem" --connect-to "::127.0.0.1:$port" -k "https://127.0.0.1:$port/")" served
    reload_under_load "$type" "$port" env OPENSSL_CONF="$OPENSSL_CONF_OF_SERVER" nginx -c "$work/nginx.conf" -s reload
    stop
    hasnt server.log '[alert]'
    hasnt server.log '[emerg]'

    # ---- Apache httpd: takes the URI itself, where it finds no engine for it ----

    port=$(free_port)
    : >server.log
    {
        for module in mpm_event authn_core authz_core unixd ssl socache_shmcb; do
            [ ! -e "/usr/lib/apache2/modules/mod_$module.so" ] || echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
        done
        cat <<CONF
ServerRoot $work
ServerName localhost
DefaultRuntimeDir $work
PidFile $work/httpd.pid
ErrorLog $work/server.log
User www-data
Group www-data
Listen 127.0.0.1:$port
SSLEngine on
SSLSessionCache none
SSLCertificateFile $work/leaf-$type.pem
SSLCertificateKeyFile "$token;object=leaf-$type;type=private"
DocumentRoot $work/nginx
CONF
    } >httpd.conf
    OPENSSL_ENGINES=$work OPENSSL_CONF=$OPENSSL_CONF_OF_SERVER apache2 -f "$work/httpd.conf" -k start 2>server.err || die "httpd: $(cat server.err server.log)"
    await "$port" httpd.pid
    workers_are_www_data httpd
    shakes 20 "$port" "$type"
    reload_under_load "$type" "$port" env OPENSSL_ENGINES="$work" OPENSSL_CONF="$OPENSSL_CONF_OF_SERVER" apache2 -f "$work/httpd.conf" -k graceful
    stop
    hasnt server.log 'Segmentation'
    hasnt server.log ':error]'
done
