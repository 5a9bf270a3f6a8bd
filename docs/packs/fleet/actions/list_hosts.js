const [given] = process.argv.slice(2).filter((each) => each.startsWith("--count="));
for (let number = 1; number <= Number(given.slice("--count=".length)); number += 1) {
  console.log(JSON.stringify({ host: `web-${number}`, load: number * 0.5 }));
}
