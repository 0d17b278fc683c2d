// What many sleeping goroutines cost in memory and CPU time: sleepers COUNT
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	yielders = 1000
	yields   = 200
	nap      = 10 * time.Second
)

type result struct {
	BytesEach float64 `json:"bytes_each"`
	StartMS   float64 `json:"start_ms"`
	AgainMS   float64 `json:"again_ms"`
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

func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// Start all of them and let them go again. GOMAXPROCS is 1: the counts are read where no other goroutine runs.
func holdParty(count int) (start time.Duration, bytes float64) {
	asleep, gone, end := 0, 0, time.Now().Add(nap)
	before, begun := residentBytes(), cpuTime()
	for range count {
		go func() {
			asleep++
			time.Sleep(time.Until(end))
			gone++
		}()
	}
	for asleep < count {
		runtime.Gosched()
	}
	start = cpuTime() - begun
	bytes = (residentBytes() - before) / float64(count)
	if gone > 0 {
		log.Fatalf("%d of %d woke before the last one slept: the machine is too busy", gone, count)
	}
	for gone < count {
		time.Sleep(10 * time.Millisecond)
	}
	return start, bytes
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	start, bytes := holdParty(count)
	again, _ := holdParty(count)

	var group sync.WaitGroup
	begun := cpuTime()
	for range yielders {
		group.Go(func() {
			for range yields {
				runtime.Gosched()
			}
		})
	}
	group.Wait()
	switches := float64(cpuTime()-begun) / (yielders * yields)
	json.NewEncoder(os.Stdout).Encode(result{bytes, start.Seconds() * 1000, again.Seconds() * 1000, switches})
}
