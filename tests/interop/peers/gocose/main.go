// SPDX-License-Identifier: Apache-2.0

// go-cose as a peer.
//
//	verify KEY.der STATEMENT [PAYLOAD]   exit 0 where the signature is good, 1 where it is not
//	sign REQUEST.json STATEMENT           makes a statement; the request's signer is a command that signs its input
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/veraison/go-cose"
)

const (
	labelContentType = int64(3)
	labelClaims      = int64(15)
)

type request struct {
	Alg         int64    `json:"alg"`
	Issuer      string   `json:"issuer"`
	Subject     string   `json:"subject"`
	IssuedAt    int64    `json:"issued_at"`
	Svn         int64    `json:"svn"`
	ContentType string   `json:"content_type"`
	Certs       [][]byte `json:"certs"`
	Payload     string   `json:"payload"`
	Signer      []string `json:"signer"`
}

// commandSigner has a command sign what it reads: the key stays where the command keeps it.
type commandSigner struct {
	alg     cose.Algorithm
	command []string
}

func (s commandSigner) Algorithm() cose.Algorithm { return s.alg }

func (s commandSigner) Sign(_ io.Reader, content []byte) ([]byte, error) {
	command := exec.Command(s.command[0], s.command[1:]...)
	command.Stdin = bytes.NewReader(content)
	command.Stderr = os.Stderr
	return command.Output()
}

func verify(arguments []string) error {
	der, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return err
	}
	statement, err := os.ReadFile(arguments[1])
	if err != nil {
		return err
	}
	var message cose.Sign1Message
	if err := message.UnmarshalCBOR(statement); err != nil {
		return err
	}
	if len(arguments) == 3 {
		if message.Payload, err = os.ReadFile(arguments[2]); err != nil {
			return err
		}
	}
	alg, err := message.Headers.Protected.Algorithm()
	if err != nil {
		return err
	}
	verifier, err := cose.NewVerifier(alg, key)
	if err != nil {
		return err
	}
	return message.Verify(nil, verifier)
}

func (r request) protected() cose.ProtectedHeader {
	thumbprint := sha256.Sum256(r.Certs[0])
	return cose.ProtectedHeader{
		cose.HeaderLabelAlgorithm: cose.Algorithm(r.Alg),
		labelContentType:          r.ContentType,
		labelClaims: map[interface{}]interface{}{
			int64(1): r.Issuer, int64(2): r.Subject, int64(6): r.IssuedAt, "svn": r.Svn,
		},
		cose.HeaderLabelX5Chain: r.Certs,
		cose.HeaderLabelX5T:     []interface{}{int64(-16), thumbprint[:]},
	}
}

func sign(arguments []string) error {
	text, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	payload, err := os.ReadFile(r.Payload)
	if err != nil {
		return err
	}
	message := cose.NewSign1Message()
	message.Headers.Protected = r.protected()
	message.Payload = payload
	if err := message.Sign(nil, nil, commandSigner{cose.Algorithm(r.Alg), r.Signer}); err != nil {
		return err
	}
	statement, err := message.MarshalCBOR()
	if err != nil {
		return err
	}
	return os.WriteFile(arguments[1], statement, 0o600)
}

func main() {
	verbs := map[string]func([]string) error{"verify": verify, "sign": sign}
	if len(os.Args) < 4 || verbs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: gocose verify KEY.der STATEMENT [PAYLOAD] | sign REQUEST.json STATEMENT")
		os.Exit(2)
	}
	if err := verbs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "go-cose:", err)
		os.Exit(1)
	}
}
