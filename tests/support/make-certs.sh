#!/bin/sh
# Makes two test CAs and certificates for "localhost" in DIR: by ca.pem good.pem, and expired.pem
# that ran out yesterday; by other-ca.pem other.pem. One key for all three: nothing here is secret.
set -eu
cd "$1"
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl req -x509 -key key.pem -out ca.pem -days 2 -subj "/CN=tunewatch test CA"
openssl req -new -key key.pem -out csr.pem -subj "/CN=localhost"
echo "subjectAltName=DNS:localhost" >ext
openssl x509 -req -in csr.pem -CA ca.pem -CAkey key.pem -set_serial 2 -days 2 -extfile ext -out good.pem
openssl x509 -req -in csr.pem -CA ca.pem -CAkey key.pem -set_serial 3 -days -1 -extfile ext -out expired.pem
# Another CA of the same name and another key.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key \
	-out other-ca.pem -days 2 -subj "/CN=tunewatch test CA"
openssl x509 -req -in csr.pem -CA other-ca.pem -CAkey other.key -set_serial 4 -days 2 -extfile ext -out other.pem
