// What many sleeping goroutines cost: sleepers COUNT
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	yielders = 1000
	yields   = 200
	nap      = 10 * time.Minute
)

type result struct {
	BytesEach float64 `json:"bytes_each"`
	StartMS   float64 `json:"start_ms"`
	SwitchNS  float64 `json:"switch_ns"`
}

func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		log.Fatal(err)
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		log.Fatal(err)
	}
	return pages * 4096
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	asleep := 0 // GOMAXPROCS is 1, and it is read where no other goroutine runs
	before, begun := residentBytes(), time.Now()
	for range count {
		go func() {
			asleep++
			time.Sleep(nap)
		}()
	}
	for asleep < count {
		runtime.Gosched()
	}
	start := time.Since(begun)
	bytes := (residentBytes() - before) / float64(count)

	var group sync.WaitGroup
	begun = time.Now()
	for range yielders {
		group.Go(func() {
			for range yields {
				runtime.Gosched()
			}
		})
	}
	group.Wait()
	switches := float64(time.Since(begun).Nanoseconds()) / (yielders * yields)
	json.NewEncoder(os.Stdout).Encode(result{bytes, start.Seconds() * 1000, switches})
}
