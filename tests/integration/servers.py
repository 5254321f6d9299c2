"""Real servers between the daemon and the scripted ones: nginx with TLS and HTTP/2, and a proxy."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading

from harness import HERE, die_with_parent, tap

NGINX = "/usr/sbin/nginx"
HEAD_MAX = 65536

NGINX_CONF = """
daemon off; pid {dir}/pid; error_log {dir}/nginx-error.log; {user}
events {{ worker_connections 512; }}
http {{
  log_format facts '$server_port $connection $connection_requests $server_protocol $request_method '
                   '$status "$sent_http_content_encoding" $uri';
  access_log {dir}/nginx-access.log facts; default_type application/json;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  keepalive_requests 100000; ssl_certificate_key {dir}/key.pem;
  upstream behind {{ server 127.0.0.1:{behind}; keepalive 16; }}
  proxy_http_version 1.1; proxy_set_header Connection "";
  {servers}
}}
"""
NGINX_SERVER = """
  server {{ listen 127.0.0.1:{port} ssl {http2}; ssl_certificate {dir}/{cert}.pem;
            location / {{ proxy_pass http://behind; }} }}
"""


class Request:
    """A line of nginx's log."""

    def __init__(self, line):
        port, self.connection, number, self.protocol, self.method, status, coding, self.path = (
            line.split(" ", 7))
        self.port, self.number, self.status = int(port), int(number), int(status)
        self.coding = coding.strip('"-')


class Nginx:
    """
    TLS in front of `behind`, a port of this machine. `servers` maps names to (certificate, HTTP/2);
    the certificates are those of make-certs.sh, all for "localhost".
    """

    def __init__(self, t, behind, servers):
        if not os.access(NGINX, os.X_OK) or not shutil.which("openssl"):
            raise tap.Skip("needs nginx and openssl (Debian: apt-get install nginx-light openssl)")
        self.dir = t.path("nginx")
        os.mkdir(self.dir)
        certs = os.path.join(HERE, "..", "support", "make-certs.sh")
        subprocess.run(["sh", certs, self.dir], check=True, capture_output=True)
        # nginx takes over sockets that listen already: no port is lost in between.
        sockets = {name: socket.create_server(("127.0.0.1", 0), backlog=128) for name in servers}
        self.ports = {name: s.getsockname()[1] for name, s in sockets.items()}
        text = "".join(NGINX_SERVER.format(
            dir=self.dir, port=self.ports[name], cert=cert, http2="http2" if http2 else "")
            for name, (cert, http2) in servers.items())
        with open(os.path.join(self.dir, "nginx.conf"), "w", encoding="utf-8") as file:
            file.write(NGINX_CONF.format(dir=self.dir, behind=behind, servers=text,
                                         user="user root;" if os.geteuid() == 0 else ""))
        fds = [s.fileno() for s in sockets.values()]
        self.program = subprocess.Popen(
            [NGINX, "-p", self.dir, "-c", "nginx.conf", "-e", f"{self.dir}/nginx-error.log"],
            env={"NGINX": "".join(f"{fd};" for fd in fds)}, pass_fds=fds,
            preexec_fn=die_with_parent)
        for s in sockets.values():
            s.close()
        t.defer(self.stop)

    def stop(self):
        self.program.terminate()
        self.program.wait()

    def file(self, name):
        return os.path.join(self.dir, f"{name}.pem")

    def url(self, name, host="localhost"):
        return f"https://{host}:{self.ports[name]}"

    def requests(self, name):
        """What reached one of the servers, so far as nginx has answered it."""
        try:
            with open(os.path.join(self.dir, "nginx-access.log"), encoding="utf-8") as file:
                lines = [line.rstrip("\n") for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []
        return [r for r in map(Request, lines) if r.port == self.ports[name]]


def copy(source, target):
    """Until one of them ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for s in (source, target):
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)


class Proxy:
    """An HTTP proxy: notes the first line of each connection, and sends what comes to `port`
    whatever host was asked for."""

    def __init__(self, t, port):
        self.port = port
        self.lines = []
        self.heads = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()
        t.defer(self.stop)

    def stop(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # close() alone does not end accept()
        self.socket.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, client):
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_MAX:
            data = client.recv(65536)
            if not data:
                return
            head += data
        line = head.split(b"\r\n", 1)[0].decode()
        self.heads.append(head.decode("latin-1"))
        self.lines.append(line)
        server = socket.create_connection(("127.0.0.1", self.port))
        if line.startswith("CONNECT "):
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            # As an origin server expects it; one request a connection.
            method, url, version = line.split(" ")
            path = "/" + url.split("/", 3)[3]
            rest = head.split(b"\r\n", 1)[1]
            server.sendall(f"{method} {path} {version}\r\nConnection: close\r\n".encode() + rest)
        threading.Thread(target=copy, args=(client, server), daemon=True).start()
        copy(server, client)
