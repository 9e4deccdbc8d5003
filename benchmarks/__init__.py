"""Commands that print the tables of measured figures; each runs from the repository's root.

python -m benchmarks.pitch    ten songs sung at exact pitch: cents off, voicing
python -m benchmarks.words    the same songs: which words a recogniser hears
python -m benchmarks.codec    held-out recordings through the codec, beside WORLD
python -m benchmarks.chain    where quality is lost: teacher, codec copy, DiT, full chain
python -m benchmarks.conformance   scores and lyrics against cases of others: notes, repeats, syllables, phonemes
python -m benchmarks.clips    recordings beside codec copies and the chain: also DNSMOS, HiFi-GAN, likeness
python -m benchmarks.stress   long vowel, two octaves, fast syllables, whisper, fortissimo; dropouts, seams, pictures
python -m benchmarks.voice    all of pitch, words, clips and stress for every singer, against the bars
python -m benchmarks.speed    real-time factors, first sound, cold starts, same bytes twice

README.md beside this file lists them all.
"""
