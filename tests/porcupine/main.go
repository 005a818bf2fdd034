// Checks a history of registers, as `amanah export --history` writes it, with Porcupine: registers.json on stdin.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/anishathalye/porcupine"
)

// A line of registers.json.
type line struct {
	Type    string
	Process int
	F       string
	Time    int64
	Value   [2]any
}

// An operation of one register: what is written, or what was read.
type deed struct {
	key   string
	write bool
	value int
}

// Registers hold 0 until something is written; each is a history of its own.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, operation := range history {
			key := operation.Input.(deed).key
			byKey[key] = append(byKey[key], operation)
		}
		parts := [][]porcupine.Operation{}
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		if asked := input.(deed); asked.write {
			return true, asked.value
		}
		return output.(int) == state.(int), state
	},
}

func main() {
	history, reads, open, last := []porcupine.Operation{}, 0, map[int]porcupine.Operation{}, int64(0)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		var at line
		if err := json.Unmarshal(lines.Bytes(), &at); err != nil {
			fmt.Println("not a history:", err)
			os.Exit(2)
		}
		last = at.Time
		if at.Type == "invoke" {
			asked := deed{key: at.Value[0].(string), write: at.F == "write"}
			if asked.write {
				asked.value = int(at.Value[1].(float64))
			}
			open[at.Process] = porcupine.Operation{ClientId: at.Process, Input: asked, Call: at.Time}
		} else if at.Type == "ok" {
			operation := open[at.Process]
			delete(open, at.Process)
			operation.Output, operation.Return = int(at.Value[1].(float64)), at.Time
			history = append(history, operation)
			if at.F == "read" {
				reads++
			}
		}
	}
	// Of what nobody knows whether it was done: it may have been, at any time since.
	for _, operation := range open {
		operation.Output, operation.Return = 0, last+1
		history = append(history, operation)
	}
	fmt.Printf("%d operations, %d of them reads, %d without an answer\n", len(history), reads, len(open))
	if !porcupine.CheckOperations(registers, history) {
		fmt.Println("NOT linearizable")
		os.Exit(1)
	}
	fmt.Println("linearizable")
}
