"""A local nginx that stands for the API: one worker, TLS, HTTP/2, files only."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time

import corpus

PAGE_LOG = "pages.log"
TURNS_FLAG = "turns"  # while there is such a file, an archive's versions take turns

HEAD = """
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/json;
    client_body_temp_path {dir}/temp;
    proxy_temp_path {dir}/temp;
    fastcgi_temp_path {dir}/temp;
    uwsgi_temp_path {dir}/temp;
    scgi_temp_path {dir}/temp;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    open_file_cache max=16000 inactive=600s;
    open_file_cache_valid 600s;
    ssl_certificate {dir}/cert.pem;
    ssl_certificate_key {dir}/cert.key;
    ssl_protocols TLSv1.3;
"""

# A corpus, whole or as readMask leaves it.
CORPUS = HEAD + """
    map $arg_pageToken $page {{
        default nowhere;
        "" p0;
        "~^p[0-9]+$" $arg_pageToken;
    }}
    map $arg_readMask $form {{
        default masked;
        "" whole;
    }}
    map "$arg_readMask:{masks}" $refused {{
        default 0;
        "~.:no$" 1;
    }}
    server {{
        if ($refused) {{ return 400; }}
        listen 127.0.0.1:{port} ssl http2;
        root {root};
        location = /v1/accounts/{account}/{collection} {{ try_files /$form/pages/$page =404; }}
        location = /v1/accounts/{account}/{empty} {{ try_files /$form/pages/empty =404; }}
        location / {{ root {root}/$form/jobs; }}
    }}
}}
"""

# A list in two versions. The first page decides which one, and its token leads on; the servers of an
# upstream have the first pages, since they take turns. Nobody filters or sorts here.
ARCHIVE = HEAD + """
    log_format page "$arg_pageToken";
    map $arg_pageToken $page {{
        default nowhere;
        "~^[ab][0-9]+$" $arg_pageToken;
    }}
    proxy_buffers 8 64k;
    upstream turns {{
        server unix:{dir}/a.sock;
        server unix:{dir}/b.sock;
    }}
    server {{
        listen unix:{dir}/a.sock;
        root {root}/pages;
        location / {{ try_files /a0 =404; }}
    }}
    server {{
        listen unix:{dir}/b.sock;
        root {root}/pages;
        location / {{ try_files /b0 =404; }}
    }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        root {root}/pages;
        if ($arg_filter) {{ return 400; }}
        if ($arg_orderBy) {{ return 400; }}
        location = /v1/accounts/{account}/{collection} {{
            access_log {dir}/{page_log} page;
            if ($arg_pageToken = "") {{ rewrite ^ /first last; }}
            try_files /$page =404;
        }}
        location = /first {{
            internal;
            access_log {dir}/{page_log} page;
            open_file_cache off;
            if (-f {dir}/{turns}) {{ proxy_pass http://turns; }}
            try_files /a0 =404;
        }}
        location = /v1/accounts/{account}/{empty} {{ try_files /empty =404; }}
        location / {{ root {root}/jobs; }}
    }}
}}
"""


class WebServer:
    """Serves a corpus below https://127.0.0.1:`port`, whose certificate is `ca_file`."""

    def __init__(self, directory, files, config=CORPUS):
        self.ca_file = os.path.join(directory, "cert.pem")
        self._directory = directory
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
             "subjectAltName=IP:127.0.0.1", "-out", self.ca_file,
             "-keyout", os.path.join(directory, "cert.key")],
            check=True, stderr=subprocess.DEVNULL)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        path = os.path.join(directory, "nginx.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(config.format(
                dir=directory, port=self.port, root=files.root, account=corpus.ACCOUNT,
                page_log=PAGE_LOG, turns=TURNS_FLAG,
                masks="yes" if files.masks else "no",
                collection=corpus.COLLECTION,
                empty=corpus.bodies.KINDS[corpus.EMPTY_KIND][0]))
        os.makedirs(os.path.join(directory, "temp"))
        # Its worker must be able to read the files when this runs as root.
        self._process = subprocess.Popen([find(), "-p", directory, "-c", path,
                                          "-g", "user root;" if os.geteuid() == 0 else ""],
                                         stderr=subprocess.DEVNULL)
        try:
            self._wait_for(files.page_paths()[0])
        except BaseException:
            self.stop()
            raise

    def _wait_for(self, path):
        context = ssl.create_default_context(cafile=self.ca_file)
        deadline = time.monotonic() + 10
        while True:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context,
                                                     timeout=5)
            try:
                connection.request("GET", path)
                if connection.getresponse().status != 200:
                    raise RuntimeError(f"nginx does not serve {path}")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("nginx does not come up, see nginx-error.log") from None
                time.sleep(0.05)
            finally:
                connection.close()

    def stop(self):
        self._process.terminate()
        self._process.wait(10)


def find():
    """The program, or None."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
