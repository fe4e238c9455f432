// Checks a log that this project wrote with the implementation of others: golang.org/x/mod/sumdb, note and tlog.
//
// Reads one JSON document from standard input; prints how much was accepted, or ends with status 1.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Leaf, Checkpoint string
	Index            int64
	Path             []string
}

type consistency struct {
	First, Second string
	Path          []string
}

type input struct {
	Key         string
	Inclusion   []inclusion
	Consistency []consistency
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func hash(text string) (h tlog.Hash) {
	raw, err := base64.StdEncoding.DecodeString(text)
	must(err)
	if copy(h[:], raw) != tlog.HashSize {
		must(fmt.Errorf("not a hash"))
	}
	return h
}

func hashes(texts []string) (found []tlog.Hash) {
	for _, text := range texts {
		found = append(found, hash(text))
	}
	return found
}

// checkpoint opens a note with the key and reads size and root from its text.
func checkpoint(text string, key note.Verifier) (size int64, root tlog.Hash) {
	opened, err := note.Open([]byte(text), note.VerifierList(key))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != key.Name() {
		must(fmt.Errorf("the origin is not the name of the key"))
	}
	_, err = fmt.Sscan(lines[1], &size)
	must(err)
	return size, hash(lines[2])
}

func main() {
	var in input
	must(json.NewDecoder(os.Stdin).Decode(&in))
	key, err := note.NewVerifier(in.Key)
	must(err)
	for _, one := range in.Inclusion {
		leaf, err := base64.StdEncoding.DecodeString(one.Leaf)
		must(err)
		size, root := checkpoint(one.Checkpoint, key)
		must(tlog.CheckRecord(hashes(one.Path), size, root, one.Index, tlog.RecordHash(leaf)))
	}
	for _, one := range in.Consistency {
		first, old := checkpoint(one.First, key)
		second, root := checkpoint(one.Second, key)
		must(tlog.CheckTree(hashes(one.Path), second, root, first, old))
	}
	fmt.Printf("%d inclusion, %d consistency\n", len(in.Inclusion), len(in.Consistency))
}
